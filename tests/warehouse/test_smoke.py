async def test_x(warehouse_url):
    "x"
    from datetime import datetime, UTC
    from etl.warehouse.warehouse import Warehouse
    async with Warehouse.connect(warehouse_url, clock=lambda: datetime.now(UTC)) as w:
        print(await w.schema_state())
        print(await w.migrate())
        print(await w.schema_state())
        r = await w.begin_run("sync", version="1")
        async with w.lease("a", seconds=30) as l:
            print(l)
        print(await w.freshness(), await w.gaps(), await w.runs(), await w.run(r))

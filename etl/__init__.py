"""kore-etl: copies Kore.ai outbound campaigns into a relational warehouse and proves the copy complete."""

__version__ = "0.1.0"

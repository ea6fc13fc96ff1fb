"""The room that pretends to be Kore.ai: the documented API over real HTTP, seeded data, scripted trouble.

Written from the API page and imports nothing else of ours, so that it can disagree with the extractor.
`words` and `invent` make the data, `listing` and `catalogue` keep and query it; `access`, `asked` and `throttle` judge
a request; `switches` and `faults` say how the server differs and misbehaves; `answer` spells what goes out; `service`
decides one answer; `app` serves.
"""

"""A local page and a REST API that score summaries.

settings.py  limits and access
batcher.py   requests -> batches for the metric, in one thread
service.py   the metric behind its queue, and the limits on what goes in
refusal.py   every answer that is not a success, in one form
guard.py     who may ask, how much may be sent, what headers go out
splitting.py summaries -> sentences, where they are scored one by one
schemas.py   what the API takes and gives
api.py       the API's routes
pages.py     the page's routes
app.py       all of it as one ASGI application
server.py    the process: stops when what it accepted is done
"""

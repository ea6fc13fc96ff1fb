"""The verbs: parse, call, print, exit. The only room that prints."""

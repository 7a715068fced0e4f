"""The functions that field maps may call: `transform(value, context, **options)`, one module per kind of value.

`value` is what the source path gave (text as sent, or None); `context` takes findings. A transform returns a FHIR
value, or None when nothing is to be stated.
"""

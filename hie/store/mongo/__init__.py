"""The MongoDB store (`pymongo`'s `AsyncMongoClient`): for regions that outgrow one machine."""

from hie.store.mongo.store import MongoStore, open_mongo
from hie.store.mongo.writer import Limits

__all__ = ["Limits", "MongoStore", "open_mongo"]

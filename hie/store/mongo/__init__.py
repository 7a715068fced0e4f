"""The MongoDB store (`pymongo`'s `AsyncMongoClient`): for regions that outgrow one machine."""

from hie.store.mongo.running import Limits
from hie.store.mongo.store import MongoStore, open_mongo

__all__ = ["Limits", "MongoStore", "open_mongo"]

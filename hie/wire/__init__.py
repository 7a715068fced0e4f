"""Bytes to trees and back, hardened against hostile input and without any medical meaning. Imports only `hie.base`."""

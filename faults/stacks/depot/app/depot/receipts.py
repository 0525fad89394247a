"""Receipts for those who bring parcels."""


def text(number):
    """Writes the receipt of a parcel."""
    return f"parcel {number:06}\n"

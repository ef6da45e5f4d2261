# SPDX-License-Identifier: GPL-2.0-or-later
"""The pixels of a PNG as Chromium writes them: 8 bits, RGB or RGBA."""

import struct
import zlib


def _chunks(data):
    if data[:8] != b'\x89PNG\r\n\x1a\n':
        raise ValueError('no PNG')
    at = 8
    while at < len(data):
        length, kind = struct.unpack_from('>I4s', data, at)
        yield kind, data[at + 8:at + 8 + length]
        at += 12 + length


def _undo(kind, row, above, step):
    """Take a filter off a row, in place."""
    for i, x in enumerate(row):
        a = row[i - step] if i >= step else 0
        b = above[i]
        if kind == 1:
            row[i] = x + a & 255
        elif kind == 2:
            row[i] = x + b & 255
        elif kind == 3:
            row[i] = x + (a + b) // 2 & 255
        elif kind == 4:
            c = above[i - step] if i >= step else 0
            p = a + b - c
            pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
            row[i] = x + (a if pa <= pb and pa <= pc else b if pb <= pc else c) & 255


def pixels(data):
    """{(r, g, b): how often it is there}"""
    packed = b''
    for kind, body in _chunks(data):
        if kind == b'IHDR':
            width, height, depth, color, _, _, interlaced = struct.unpack('>IIBBBBB', body)
        elif kind == b'IDAT':
            packed += body
    if depth != 8 or color not in (2, 6) or interlaced:
        raise ValueError('another kind of PNG')
    step = 4 if color == 6 else 3
    raw = zlib.decompress(packed)
    above = bytearray(width * step)
    counts = {}
    for y in range(height):
        at = y * (width * step + 1)
        row = bytearray(raw[at + 1:at + 1 + width * step])
        if raw[at]:
            _undo(raw[at], row, above, step)
        for pixel in zip(row[0::step], row[1::step], row[2::step]):
            counts[pixel] = counts.get(pixel, 0) + 1
        above = row
    return counts

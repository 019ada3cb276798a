"""Outlines of shapes with known parameters, with noise, bites and spurs."""

import math

import numpy as np

from segfit.shapes import Outline


def to_outline(points, error_px=None):
    """What fits take, of points (N, 2)."""
    points = np.asarray(points, float)
    errors = None if error_px is None else np.full(len(points), float(error_px))
    return Outline((points,), points, errors)


def add_noise(points, *, sigma=1.0, seed=0):
    return points + np.random.default_rng(seed).normal(0, sigma, points.shape)


def turn(points, angle_deg, middle):
    angle = math.radians(angle_deg)
    axes = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return points @ axes + middle


def ellipse(first=50.0, second=30.0, angle_deg=25.0, middle=(80.3, 90.7), count=250):
    turns = np.linspace(0, 2 * math.pi, count, endpoint=False)
    return turn(
        np.stack([first * np.cos(turns), second * np.sin(turns)], axis=1), angle_deg, middle
    )


def circle(radius=40.0, middle=(60.3, 70.8)):
    return ellipse(radius, radius, 0.0, middle, round(2 * math.pi * radius))


def along(corners, *, spacing=1.0):
    """Points along a polygon, no corner among them."""
    corners = np.asarray(corners, float)
    sides = []
    for begin, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        count = max(1, round(np.hypot(*(end - begin)) / spacing))
        share = ((np.arange(count) + 0.5) / count)[:, None]
        sides.append(begin + (end - begin) * share)
    return np.concatenate(sides)


def rectangle(width=60.0, height=40.0, angle_deg=17.0, middle=(80.0, 90.0)):
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, height / 2)
    return along(turn(corners, angle_deg, middle))


def bite(points, *, share=0.1, depth=0.5):
    """Draw part of an outline in towards its middle."""
    middle = points.mean(axis=0)
    bitten = points.copy()
    part = slice(0, round(share * len(points)))
    bitten[part] = middle + (points[part] - middle) * depth
    return bitten

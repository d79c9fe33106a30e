"""Measurements, one command each: python -m tests.benchmarks.NAME. No part of pytest."""

"""Labelled structures in, split extxyz files out."""

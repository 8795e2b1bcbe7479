"""Metrics on features of networks trained for something else: LPIPS, FID and KID."""

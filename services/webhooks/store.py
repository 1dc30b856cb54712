"""The SQL of endpoints: one function per statement.

Whoever needs several locks takes them in this order: the workspace, then deliveries, then the states of endpoints (each
by its endpoint), then endpoints. New deliveries may be made while the states are held.
"""

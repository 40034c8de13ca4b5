"""Azure Resource Manager: one module per resource provider, each a table of routes."""

from __future__ import annotations

from console.simulator.routes import Routes


def all_routes() -> Routes:
    """Every route of every provider."""
    from console.simulator.arm import authorization, compute, hybrid, insights, security, subscriptions

    routes = Routes()
    for module in (subscriptions, authorization, security, compute, hybrid, insights):
        routes.include(module.routes)
    return routes

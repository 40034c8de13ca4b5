"""Which alerts are Defender for Endpoint's, by whatever name the product had when they were raised."""

from __future__ import annotations

from typing import Any

import pytest

from console.gateway.alerts import alert_of


def product_of(**properties: Any) -> bool:
    return alert_of({"id": "/subscriptions/s/providers/Microsoft.Security/locations/l/alerts/a", "properties": properties}).from_endpoint


@pytest.mark.parametrize("name", ["Windows Defender ATP", "Microsoft Defender ATP", "Microsoft Defender for Endpoint"])
def test_alerts_of_the_product_are_known_by_all_its_names(name: str) -> None:
    assert product_of(productName=name, alertType="X")
    assert product_of(productName=name.upper())


def test_other_marks_of_the_product_are_believed_too_and_other_products_are_not() -> None:
    assert product_of(alertType="VM.MDATP_Enumeration", productName="?")
    assert product_of(extendedProperties={"WdatpTenantId": "t"})
    assert not product_of(productName="Azure Security Center", alertType="VM_SuspiciousActivity")
    assert not product_of()

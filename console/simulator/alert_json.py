"""An alert, and how ARM (camelCase) and Resource Graph (PascalCase) write it.

What marks an alert of Defender for Endpoint is in the facts, section 5. Entities refer to one another by `$ref`, as in the field.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from console.simulator.clock import iso
from console.simulator.machines import Machine
from console.simulator.wire import Json


@dataclass(frozen=True)
class Kind:
    """A kind of alert; `product` is what Defender for Cloud says raised it."""

    type: str
    title: str
    severity: str
    intent: str
    description: str
    steps: tuple[str, ...]
    techniques: tuple[str, ...] = ()
    product: str = "Microsoft Defender ATP"

    @property
    def from_endpoint(self) -> bool:
        return self.type.startswith("VM.MDATP_")


@dataclass(slots=True)
class Alert:
    """An alert; only its status changes."""

    name: str
    subscription: str
    tenant: str
    location: str
    machine: Machine
    kind: Kind
    description: str
    started: float
    generated: float
    portal: str
    status: str = "Active"
    forced: bool = False
    """Asked for, and so not subject to whether it could happen."""

    @property
    def group(self) -> str:
        return self.machine.group

    @property
    def id(self) -> str:
        base = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
        return f"{base}/providers/Microsoft.Security/locations/{self.location}/alerts/{self.name}"

    def as_arm(self) -> Json:
        return {"id": self.id, "name": self.name, "type": "Microsoft.Security/Locations/alerts", "properties": self._properties()}

    def as_graph(self) -> Json:
        """The properties of Resource Graph's row: the same, in PascalCase."""
        return {_pascal(key): value for key, value in self._properties().items()}

    def _properties(self) -> Json:
        kind, machine = self.kind, self.machine
        properties: Json = {
            "version": "2022-01-01",
            "alertType": kind.type,
            "systemAlertId": self.name,
            "productComponentName": "Servers",
            "alertDisplayName": kind.title,
            "description": self.description,
            "severity": kind.severity,
            "intent": kind.intent,
            "startTimeUtc": iso(self.started),
            "endTimeUtc": iso(self.started),
            "resourceIdentifiers": [{"azureResourceId": machine.id, "type": "AzureResource"}, {"aadTenantId": self.tenant, "type": "AAD"}],
            "remediationSteps": list(kind.steps),
            "vendorName": "Microsoft",
            "status": self.status,
            "alertUri": f"{self.portal}/#blade/Microsoft_Azure_Security_AzureDefenderForData/AlertBlade/alertId/{self.name}/subscriptionId/"
            f"{self.subscription}/resourceGroup/{self.group}/referencedFrom/alertDeepLink/location/{self.location}",
            "timeGeneratedUtc": iso(self.generated),
            "productName": kind.product,
            "processingEndTimeUtc": iso(self.generated + 2),
            "entities": self._entities(),
            "isIncident": False,
            "correlationKey": self.name.replace("-", ""),
            "extendedProperties": self._extended(),
            "compromisedEntity": machine.display,
            "techniques": list(kind.techniques),
            "subTechniques": [],
        }
        if kind.from_endpoint:
            href = f"https://security.microsoft.com/alerts/da{self.name.replace('-', '')}_1?tid={self.tenant}"
            properties["extendedLinks"] = [
                {"Href": href, "Category": None, "Label": "Go to Microsoft Defender for Endpoint portal", "Type": "webLink"}
            ]
        else:
            properties["extendedLinks"] = []
        return properties

    def _extended(self) -> dict[str, str]:
        if not self.kind.from_endpoint:
            return {"resourceType": "Virtual Machine", "User Name": "root"}
        href = f"https://security.microsoft.com/alerts/da{self.name.replace('-', '')}_1?tid={self.tenant}"
        return {
            "MicrosoftDefenderAtp.Category": self.kind.intent,
            "MicrosoftDefenderAtp.InvestigationState": "UnsupportedAlertType",
            "WdatpTenantId": self.tenant,
            "MachineId": self.machine.unique.replace("-", "") + "00000000",
            "Microsoft Defender for Endpoint link": _LINK.replace("HREF", href),
            "resourceType": "Virtual Machine" if self.machine.kind == "vm" else "Azure Arc machine",
        }

    def _entities(self) -> list[Json]:
        machine = self.machine
        return [
            {"$id": "3", "hostName": machine.name, "azureID": machine.id, "osFamily": machine.system.os_type, "type": "host"},
            {
                "$id": "4",
                "name": "root" if machine.system.linux else "SYSTEM",
                "host": {"$ref": "3"},
                "isDomainJoined": False,
                "type": "account",
            },
            {
                "$id": "5",
                "directory": "/tmp" if machine.system.linux else "C:\\test-MDATP-test",
                "name": "invoice\u202egpj.exe",
                "type": "file",
            },
            {"$id": "6", "processId": "0x1a2b", "commandLine": "find / -name '*.pem'", "imageFile": {"$ref": "5"}, "type": "process"},
            {"$ref": "5", "type": None},
        ]


_LINK = json.dumps({"displayValue": "Investigate in Microsoft Defender for Endpoint portal", "kind": "Link", "value": "HREF"})


@cache
def _pascal(name: str) -> str:
    return name[0].upper() + name[1:]

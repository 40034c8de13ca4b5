"""Microsoft.Security: the integration's settings, plans, recommendations, alerts, onboarding packages.

A subscription that is not registered answers 404 or 401 "Subscription Not Registered" (both were seen in the field); a caller without
any right to read settings gets an empty list rather than an error.
"""

from __future__ import annotations

import base64
from dataclasses import replace

from console.simulator.assessments import assessment_json, assessments
from console.simulator.clock import iso
from console.simulator.roles import allows
from console.simulator.routes import Routes
from console.simulator.situations import EXCLUDE, UNIFIED, WDATP
from console.simulator.wire import ArmError, Call, Json, Reply, not_registered, paged
from console.simulator.world import Pricing, SettingWrite, Subscription

routes = Routes()
_MS = "/providers/Microsoft.Security"
_S = "/subscriptions/{subscription}" + _MS
_G = "/subscriptions/{subscription}/resourceGroups/{group}" + _MS

_NAMES = {name.lower(): name for name in ("MCAS", WDATP, EXCLUDE, UNIFIED, "Sentinel")}
_KINDS = {"MCAS": "DataExportSettings", "Sentinel": "AlertSyncSettings"}
_SUB_PLANS = ("P1", "P2")


# Settings


@routes.add("GET", _S + "/settings")
async def list_settings(call: Call) -> Reply:
    _registered(call)
    if not allows(call.box.world.roles(call.principal, call.subscription), "Microsoft.Security/settings/read"):
        return Reply({"value": []})
    return paged(call, sorted(call.subscription.settings), lambda name: setting_json(call.subscription, name))


@routes.add("GET", _S + "/settings/{setting}", "Microsoft.Security/settings/read")
async def get_setting(call: Call) -> Reply:
    _registered(call)
    name = _setting_name(call)
    if name not in call.subscription.settings:
        raise ArmError(404, "NotFound", f"Setting {name} was not found in subscription {call.subscription.id}")
    return Reply(setting_json(call.subscription, name))


@routes.add("PUT", _S + "/settings/{setting}", "Microsoft.Security/settings/write")
async def put_setting(call: Call) -> Reply:
    _registered(call)
    name = _setting_name(call)
    enabled = call.properties().get("enabled")
    if isinstance(enabled, str) and enabled.lower() in ("true", "false"):
        enabled = enabled.lower() == "true"
    if not isinstance(enabled, bool):
        raise ArmError(400, "InvalidRequestContent", "The request content was invalid: 'properties.enabled' must be a boolean.")
    subscription = call.subscription
    first = name == WDATP and enabled and not subscription.settings.get(WDATP)
    subscription.settings[name] = enabled
    subscription.written.append(SettingWrite(call.now, name, call.principal.upn or call.principal.object_id))
    if first:  # turned on today, the integration brings Linux and the unified solution with it
        subscription.settings.setdefault(EXCLUDE, False)
        subscription.settings.setdefault(UNIFIED, True)
    subscription.switched(call.now)
    return Reply(setting_json(subscription, name), headers={"ETag": f'"{subscription.revision:x}"'})


def setting_json(subscription: Subscription, name: str) -> Json:
    return {
        "id": f"/subscriptions/{subscription.id}{_MS}/settings/{name}",
        "name": name,
        "kind": _KINDS.get(name, "DataExportSettings"),
        "type": "Microsoft.Security/settings",
        "properties": {"enabled": subscription.settings[name]},
    }


def _setting_name(call: Call) -> str:
    name = _NAMES.get(call.params["setting"].lower())
    if name is None:
        raise ArmError(400, "InvalidSettingName", f"Setting name '{call.params['setting']}' is not one of {', '.join(_NAMES.values())}.")
    return name


# Plans


@routes.add("GET", _S + "/pricings", "Microsoft.Security/pricings/read")
async def list_pricings(call: Call) -> Reply:
    _registered(call)
    return Reply({"value": [pricing_json(call, name) for name in call.subscription.pricings]})


@routes.add("GET", _S + "/pricings/{pricing}", "Microsoft.Security/pricings/read")
async def get_pricing(call: Call) -> Reply:
    _registered(call)
    return Reply(pricing_json(call, _pricing_name(call)))


@routes.add("PUT", _S + "/pricings/{pricing}", "Microsoft.Security/pricings/write")
async def put_pricing(call: Call) -> Reply:
    _registered(call)
    name, properties = _pricing_name(call), call.properties()
    tier, sub_plan = properties.get("pricingTier"), properties.get("subPlan")
    if tier not in ("Free", "Standard") or (name == "VirtualMachines" and sub_plan not in (None, *_SUB_PLANS)):
        raise ArmError(400, "InvalidPricing", f"'{tier}' with sub-plan '{sub_plan}' is not a pricing of {name}.")
    before = call.subscription.pricings[name]
    if tier == "Free":
        after = Pricing("Free", None, None)
    else:
        default = "P2" if name == "VirtualMachines" else before.sub_plan
        after = replace(before, tier="Standard", sub_plan=sub_plan or before.sub_plan or default, enabled_at=before.enabled_at or call.now)
    call.subscription.pricings[name] = after
    call.subscription.switched(call.now)
    return Reply(pricing_json(call, name), 200 if before.tier == after.tier else 201)


def pricing_json(call: Call, name: str) -> Json:
    return pricing(call.subscription, name)


def pricing(subscription: Subscription, name: str) -> Json:
    plan = subscription.pricings[name]
    on = plan.tier == "Standard"
    properties: Json = {"pricingTier": plan.tier, "freeTrialRemainingTime": "PT0S" if on else "P30D", "enforce": "False"}
    if plan.sub_plan:
        properties["subPlan"] = plan.sub_plan
    if on and plan.enabled_at is not None:
        properties["enablementTime"] = iso(plan.enabled_at)
    properties["resourcesCoverageStatus"] = "FullyCovered" if on else "NotCovered"
    if name == "VirtualMachines" and on:
        properties["extensions"] = [{"name": "MdeDesignatedSubscription", "isEnabled": "False"}]
        if plan.sub_plan == "P2":
            properties["extensions"].append(
                {"name": "AgentlessVmScanning", "isEnabled": "True", "additionalExtensionProperties": {"ExclusionTags": "[]"}}
            )
    return {
        "id": f"/subscriptions/{subscription.id}{_MS}/pricings/{name}",
        "name": name,
        "type": "Microsoft.Security/pricings",
        "properties": properties,
    }


def _pricing_name(call: Call) -> str:
    for name in call.subscription.pricings:
        if name.lower() == call.params["pricing"].lower():
            return name
    raise ArmError(404, "NotFound", f"Pricing {call.params['pricing']} was not found.")


# Recommendations


@routes.add("GET", _S + "/assessments", "Microsoft.Security/assessments/read")
async def list_assessments(call: Call) -> Reply:
    _registered(call, 401)
    return paged(call, assessments(call.box.world, call.subscription, call.now), assessment_json)


@routes.add("GET", "/subscriptions/{subscription}/{resource*}" + _MS + "/assessments/{key}", "Microsoft.Security/assessments/read")
async def get_assessment(call: Call) -> Reply:
    _registered(call, 401)
    resource = f"/subscriptions/{call.subscription.id}/{call.params['resource']}".lower()
    for found in assessments(call.box.world, call.subscription, call.now):
        if found.key == call.params["key"].lower() and found.machine.id.lower() == resource:
            return Reply(assessment_json(found))
    raise ArmError(404, "NotFound", f"No assessment {call.params['key']} on {resource}.")


# Alerts


@routes.add("GET", _S + "/alerts", "Microsoft.Security/alerts/read")
@routes.add("GET", _S + "/locations/{location}/alerts", "Microsoft.Security/alerts/read")
@routes.add("GET", _G + "/alerts", "Microsoft.Security/alerts/read")
@routes.add("GET", _G + "/locations/{location}/alerts", "Microsoft.Security/alerts/read")
async def list_alerts(call: Call) -> Reply:
    _registered(call, 401)
    found = call.box.alerts.until(call.subscription, call.now)
    group, location = call.params.get("group", "").lower(), call.params.get("location", "").lower()
    found = [a for a in found if (not group or a.group.lower() == group) and (not location or a.location == location)]
    return paged(call, found, lambda alert: alert.as_arm())


@routes.add("GET", _S + "/locations/{location}/alerts/{alert}", "Microsoft.Security/alerts/read")
@routes.add("GET", _G + "/locations/{location}/alerts/{alert}", "Microsoft.Security/alerts/read")
async def get_alert(call: Call) -> Reply:
    _registered(call, 401)
    alert = call.box.alerts.get(call.subscription, call.params["location"], call.params["alert"], call.params.get("group"), call.now)
    return Reply(alert.as_arm())


_STATES = {"dismiss": "Dismissed", "activate": "Active", "resolve": "Resolved", "inprogress": "InProgress"}


def _add_state_changes() -> None:
    async def change(call: Call) -> Reply:
        _registered(call, 401)
        alert = call.box.alerts.get(call.subscription, call.params["location"], call.params["alert"], call.params.get("group"), call.now)
        call.box.alerts.set_status(alert, _STATES[call.path.rpartition("/")[2].lower()], call.now)
        return Reply(status=204)

    for verb in ("dismiss", "activate", "resolve", "inProgress"):
        action = f"Microsoft.Security/locations/alerts/{verb}/action"
        routes.add("POST", f"{_S}/locations/{{location}}/alerts/{{alert}}/{verb}", action)(change)
        routes.add("POST", f"{_G}/locations/{{location}}/alerts/{{alert}}/{verb}", action)(change)


_add_state_changes()


# Onboarding packages


@routes.add("GET", _S + "/mdeOnboardings", "Microsoft.Security/mdeOnboardings/read")
async def list_onboardings(call: Call) -> Reply:
    _registered(call)
    return Reply({"value": [_onboarding(call)]})


@routes.add("GET", _S + "/mdeOnboardings/default", "Microsoft.Security/mdeOnboardings/read")
async def get_onboarding(call: Call) -> Reply:
    _registered(call)
    return Reply(_onboarding(call))


def _onboarding(call: Call) -> Json:
    windows = base64.b64encode(f"@echo off\r\necho simulated onboarding of {call.subscription.id}\r\n".encode()).decode()
    linux = base64.b64encode(f"#!/usr/bin/env python3\nprint('simulated onboarding of {call.subscription.id}')\n".encode()).decode()
    return {
        "id": f"/subscriptions/{call.subscription.id}{_MS}/mdeOnboarding/default",
        "name": "default",
        "type": "Microsoft.Security/mdeOnboarding",
        "properties": {"onboardingPackageWindows": windows, "onboardingPackageLinux": linux},
    }


def _registered(call: Call, status: int = 404) -> None:
    if not call.subscription.registered:
        raise not_registered(status)

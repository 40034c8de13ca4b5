"""Names and texts, ordinary and hostile.

Azure restricts the names of virtual machines; display names, tags, subscription names and alert texts it does not, and what an attacker
or a careless script puts there reaches every client unchanged. A console that survives these texts survives the field.
"""

from __future__ import annotations

ESC, CSI, OSC, BEL, ST = "\x1b", "\x9b", "\x9d", "\x07", "\x1b\\"

ROLES = (
    "web",
    "db",
    "api",
    "worker",
    "cache",
    "build",
    "proxy",
    "batch",
    "queue",
    "mail",
    "files",
    "auth",
    "metrics",
    "search",
    "etl",
    "vpn",
)
STAGES = ("prod", "test", "dev", "stage")
PLACES = ("berlin", "oslo", "lyon", "porto", "turin", "delft", "gdansk", "cork")
LOCATIONS = ("westeurope", "northeurope", "eastus", "uksouth", "germanywestcentral", "swedencentral")

SIXTY = "arc-a-machine-whose-name-fills-every-column-it-is-given-0060"

WIDE = "東京都千代田区の業務用計算機" * 15
"""Longer than any name of an Arc machine may be, and each letter two columns wide: a row of it fills four screens."""

ARC_NAMES = (
    "[prod] web",
    'O\'Brien "db"',
    "fox-🦊-👩‍💻",
    "خادم-الويب",
    SIXTY,
    "naïve-Ünïcode-ノード",
    "vm[∕x]",  # not a real slash, which cannot stand in a resource id; the display name has one
    "[bold red]loud[∕]",
)

DISPLAY_NAMES = (
    "[prod] web",
    "vm[/x]",
    'O\'Brien "db" <admin>',
    "fox 🦊 👩‍💻 family",
    "خادم الويب – שרת",
    "[@click=app.quit]x[/]",
    f"{ESC}[31mred{ESC}[0m",
    f"{ESC}]52;c;cm0gLXJmIC8={BEL}clip",
    "rtl\u202eexe.txt\u202c",
    f"{CSI}2Jcleared{OSC}0;title{ST}",
    "a\x00b\x08c\r\nd\te",
)

TAG_VALUES = (
    "[link=https://contoso.example]click[/link]",
    "[@click=app.quit]x[/]",
    f"{ESC}[2J{ESC}[H wiped",
    f"{ESC}]52;c;ZWNobyBwd25lZA=={BEL}",
    f"{CSI}31m c1 {OSC}0;owned{BEL}",
    "owner: 'Ann \"the boss\" O’Neil'",
    "מערכת ייצור \u202eevil\u202c",
    "日本語のタグ 🚀",
    "x" * 256,
)

ALERT_TEXTS = (
    "A process read many files that may hold secrets.\r\nCommand line: find / -name '*.pem' -o -name 'id_rsa'",
    f"Suspicious output was printed:\n{ESC}[2J{ESC}]0;owned{BEL}[@click=app.quit]x[/] and {CSI}31mred",
    f"The clipboard was targeted: {ESC}]52;c;cm0gLXJmIC8={ST}",
    "File name with direction override: invoice\u202egpj.exe\u202c was started by [bold]root[/bold].",
)

SUBSCRIPTION_NAMES = {
    "existing-windows-linux-excluded": "Contoso Retail [prod]",
    "never-enabled": "Contoso Research",
    "all-on": "Contoso Platform",
    "no-servers-plan": 'Contoso "Sandbox" & O\'Brien',
    "no-right-to-enable": "Contoso Finance",
    "no-right-to-see-machines": "Contoso Payroll",
    "provider-not-registered": "Contoso Labs 🧪",
    "disabled": "Contoso Old Datacentre",
    "moved-between-tenants": "Northwind (acquired) – רשת",
    "empty": "Contoso Empty",
    "linux-not-set": "Contoso Web [/x]",
    "unified-off": "Contoso Legacy Windows with a name that is sixty letters long",
}

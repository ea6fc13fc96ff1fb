"""The made-up words of the catalogue: account names, campaign names, contact lists, message texts. No real customer."""

# ruff: noqa: RUF001  the dashes and quotes are test data

from __future__ import annotations

ACCOUNTS = (
    "EMEA retail",
    "North America utilities",
    "Benefits & claims",
    "Asia-Pacific travel",
    "Clínica del Sur",
    "Großhandel Nord",
    "Card services",
    "Home insurance",
)

PURPOSES = (
    (
        "Event Reminder",
        "Sends a one-time message to remind users about an upcoming event. No template—just plain text.",
    ),
    ("Billing Alert", "Alerts customers about pending bills: customer name, due date, and bill amount."),
    ("Interactive Support", "Customers can check order status, raise tickets, or get help—all in one conversation."),
    ("Service Renewal Outreach", "Connects customers with live agents to assist with upcoming service renewals."),
    ("Appointment Confirmation", "Asks patients to confirm or move their appointment."),
    ("Loyalty Points Expiry", "Tells members how many points expire this month."),
    ("Delivery Window", "Announces the two-hour delivery window, with a link to change it."),
    ("Post-Call Survey", "Two questions after a resolved case; replies feed the quality score."),
    ("Outage Notice", 'Planned maintenance; the text names the district ("Bezirk") and the hours.'),
    ("Win-back Offer", "For customers who left within 12 months. Legal approved <b>v3</b>."),
    ("Collections – first notice", "Friendly reminder, no amount in the text."),
    ("Rückruf-Service", "Bietet einen Rückruf am selben Tag an."),
    ("Campaña de vacunación", "Recordatorio de la segunda dosis; incluye dirección y horario."),
    ("予約確認", "予約の前日に確認メッセージを送ります。"),
)

SEGMENTS = ("", "", "", " – South", " – North", " / Gold", " | Trial", " (rerun)", " 🎉", " B", " v2", " – Été")

CONTACT_LISTS = (
    "Renewal Due - May/June 2025",
    "Renewal Due - Q1",
    "Gold members | EU",
    "Gold members | US",
    "DNC-cleaned / weekly",
    "CL Only 2020 Dec 4",
    "Opt-ins 2024/09",
    "Opt-ins 2024/10",
    "Walk-ins, Store #12",
    "Kunden Süd/West",
    "Clientes – península | islas",
    "新規顧客 2025/春",
    "VIP 👑",
    "Lapsed > 12 months",
    "Trial users (all)",
    'Quoted "priority" list',
    "O'Neill & Sons",
    "APIContctList",
    "Paper bill -> e-bill",
    "Survey panel A|B|C",
    "Überfällig 30+",
    "Branch 0042 ",
    "test",
    "Late payers/Stage 1",
    "Late payers/Stage 2",
    "Flood area | postcode 01*",
    "New movers 2023",
    "Newsletter; confirmed",
    "Étudiants",
    "Staff (internal)",
)

DNC_LISTS = ("DNC CL Dec 4", "Global opt-outs", "testdnc", "DNC / legal")

TEXTS = (
    "Hi, This is just reminder for upcoming event",
    "Greetings, <First Name>! Your bill of <Amount> is due on <Due Date>. Pay here: https://pay.example/b",
    "Reply YES to confirm, NO to cancel.",
    "Your parcel arrives today between 14:00 and 16:00. Change it: https://post.example/c?id=<Order>",
    "Planned maintenance tonight 01:00–03:00. Sorry for the trouble!",
    "Hola <First Name>, le esperamos mañana a las 9:00 en la calle Ñuñoa 5.",
    "Ihr Termin: <Datum>, <Uhrzeit>. Bitte bringen Sie die Karte mit. Grüße!",
    "ご予約は明日10時です。変更はこちら: https://yoyaku.example",
    "You have 1,250 points 🎁 – they expire on the 31st.",
    "50% off until Sunday = our thanks. STOP to end",
)

TEMPLATES = ("Welcome", "Bill due", "Confirm appointment")

QUEUES = ("Default Queue", "Renewals", "Collections EN/FR", "Soporte", "Tier 2")

VOICE_FLOWS = ("Voice Flow 2", "Outbound – confirm", "Rückruf")

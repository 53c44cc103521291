"""Mails that come back, in the shapes that real mail systems give them. All of our own making."""

from __future__ import annotations

POSTFIX = """\
From: MAILER-DAEMON@mx.example (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example. I'm sorry to have to inform you.
--B
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
X-Postfix-Queue-ID: 4Nabc
Arrival-Date: Mon, 23 Nov 2026 08:00:00 +0100 (CET)

{recipients}
--B
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Return-Path: <{to}>
From: school@skola.example
Subject: hello
--B--
"""
RECIPIENT = """\
Final-Recipient: rfc822; {address}
Original-Recipient: rfc822;{address}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.home.example
Diagnostic-Code: smtp; {diagnostic}
"""
EXCHANGE = """\
From: <postmaster@kommun.example>
To: <{to}>
Content-Type: multipart/report; report-type=delivery-status;
	boundary="_d1_"
X-MS-Exchange-Message-Is-Ndr:
Content-Language: sv-SE
Subject: =?utf-8?B?T2xldmVyZXJiYXI6IGhlbGxv?=
Auto-Submitted: auto-replied
MIME-Version: 1.0

--_d1_
Content-Type: multipart/alternative; differences=Content-Type; boundary="_d2_"

--_d2_
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

Det gick inte att leverera meddelandet.
--_d2_--
--_d1_
Content-Type: message/delivery-status

Reporting-MTA: dns;AB1.eurprd.example
Received-From-MTA: dns;skola.example
Arrival-Date: Mon, 23 Nov 2026 07:00:00 +0000

Final-Recipient: rfc822;anna@kommun.example
Action: failed
Status: {status}
Diagnostic-Code: smtp;{diagnostic}
X-Display-Name: anna@kommun.example

--_d1_
Content-Type: message/rfc822

Return-Path: {to}
Subject: hello

Hello.
--_d1_--
"""
GMAIL = """\
From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>
To: {to}
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
Content-Type: multipart/report; boundary="000000"; report-type=delivery-status
MIME-Version: 1.0

--000000
Content-Type: multipart/related; boundary="000001"

--000001
Content-Type: text/plain; charset="UTF-8"

** Address not found **
--000001--
--000000
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.example
Arrival-Date: Sun, 22 Nov 2026 23:00:00 -0800 (PST)

Final-Recipient: rfc822; anna@gmail.example
Action: failed
Status: {status}
Remote-MTA: dns; gmail-smtp-in.example
Diagnostic-Code: smtp; {diagnostic}
Last-Attempt-Date: Sun, 22 Nov 2026 23:00:01 -0800 (PST)

--000000
Content-Type: message/rfc822

Return-Path: <{to}>
Subject: hello

Hello.
--000000--
"""
COMPLAINT = """\
From: <feedback@mail.example>
To: <complaints@return.example>
Subject: FW: hello
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="F"

--F
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report.
--F
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <{to}>
Original-Rcpt-To: <anna@mail.example>

--F
Content-Type: message/rfc822

From: <school@skola.example>
Subject: hello

Hello.
--F--
"""
VACATION = """\
From: Anna <anna@home.example>
To: {to}
Subject: Re: hello
Auto-Submitted: auto-replied (vacation)
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

I am away until 550 weeks from now. 550 5.1.1 is my favourite number.
"""
QMAIL = """\
From: MAILER-DAEMON@old.example
To: {to}
Subject: failure notice

Hi. This is the qmail-send program at old.example.
I'm afraid I wasn't able to deliver your message to the following addresses.

<anna@old.example>:
192.0.2.1 does not like recipient.
Remote host said: {diagnostic}
Giving up on 192.0.2.1.
"""


def postfix(*recipients: tuple[str, str, str], to: str = "r@return.example") -> bytes:
    """A report with these recipients: (action, status, diagnostic)."""
    each = [
        RECIPIENT.format(address=f"a{number}@home.example", action=action, status=status, diagnostic=diagnostic)
        for number, (action, status, diagnostic) in enumerate(recipients)
    ]
    return POSTFIX.format(to=to, recipients="\n".join(each)).encode()


def hard(to: str) -> bytes:
    """No such address."""
    return postfix(("failed", "5.1.1", "550 5.1.1 <anna@home.example>: User unknown"), to=to)


def soft(to: str) -> bytes:
    """Given up after days."""
    return postfix(("failed", "4.4.1", "connect to mx.home.example: Connection timed out"), to=to)


def filled(shape: str, to: str = "r@return.example", **fields: str) -> bytes:
    """One of the shapes."""
    return shape.format(to=to, **fields).encode()

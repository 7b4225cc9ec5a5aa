"""Addresses, signatures and waits of webhooks."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.webhooks.addresses import checked_address
from plumbline.collect.service.webhooks.signing import new_secret, signed_headers
from plumbline.collect.service.webhooks.waiting import FIRST, LONGEST, MOST_ATTEMPTS, wait_after

# --- addresses ---


@pytest.mark.parametrize(
    "url",
    [
        *("https://receiver.example", "https://receiver.example:8443/told?by=plumbline", "https://203.0.114.7/x"),
        "https://[2606:4700::1111]/x",
    ],
)
def test_addresses_of_the_open_internet_over_tls_are_taken(url):
    assert checked_address(url, allow_private=False) == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/x", "http://[::1]/x", "https://10.0.0.7/", "http://receiver/x"])
def test_private_ones_are_taken_where_the_server_permits_them_alone(url):
    assert checked_address(url, allow_private=True) == url
    with pytest.raises(ServiceError, match="PL-WHK-001"):
        checked_address(url, allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        *("http://169.254.169.254/latest", "https://169.254.169.254/", "https://[::1]/", "https://localhost./"),
        *("https://[::ffff:169.254.169.254]/", "https://[64:ff9b::a9fe:a9fe]/", "https://a.localhost:8080/"),
        "http://receiver.example/",
    ],
)
def test_others_are_refused(url):
    with pytest.raises(ServiceError, match="PL-WHK-001"):
        checked_address(url, allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://key:zzsecret@receiver.example/",
            "https://zzsecret@receiver.example",
            "https://receiver.example/#zz",
        ),
        *("file:///etc/passwd", "gopher://zz/", "//receiver.example", "zzreceiver", "https://", "https://:443/zz"),
        *("https://receiver.example:0/zz", "https://receiver.example:99999/zz", "https://receiver.example:zz/"),
        *("https://receiver.example/zz\r\nHost: other", "https://receiver.example/zz zz", "https://r\u00e9ceiver.zz/"),
        *("https://receiver.example\\@zz/", "https://[zz/", "https://receiver.example/" + "z" * 2000),
    ],
)
def test_nothing_of_what_cannot_be_told_is_quoted(url):
    with pytest.raises(ServiceError, match="PL-WHK-001") as refused:
        checked_address(url, allow_private=True)
    assert "zz" not in str(refused.value)


# --- signatures ---


def test_an_independent_verifier_takes_what_is_signed():
    secret, body = new_secret(), json.dumps({"type": "ping", "text": "\u00e9\U0001f600"}).encode()
    headers = signed_headers(secret, "msg_1", body, datetime.now(UTC))
    assert Verifier(secret).verify(body, headers) == json.loads(body)
    assert len(b64decode(secret.removeprefix("whsec_"))) == 32
    others = (
        (Verifier(new_secret()), body, headers),
        (Verifier(secret), body + b" ", headers),
        (Verifier(secret), body, {**headers, "webhook-id": "msg_2"}),
        (Verifier(secret), body, signed_headers(secret, "msg_1", body, datetime.now(UTC) - timedelta(minutes=6))),
    )
    for verifier, sent, with_headers in others:
        with pytest.raises(WebhookVerificationError):
            verifier.verify(sent, with_headers)


def test_the_specifications_own_example():
    """The vector that the published libraries are tested with."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", body, at)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


# --- waits ---


def test_waits_grow_from_seconds_to_hours_and_end_after_about_two_days():
    waits = [wait_after(attempts, 500, 0.5) for attempts in range(1, MOST_ATTEMPTS + 1)]
    assert waits[-1] is None
    assert waits[:3] == [FIRST, 3 * FIRST, 9 * FIRST]
    assert max(waits[:-1]) == LONGEST
    assert waits[:-1] == sorted(waits[:-1])
    assert timedelta(hours=44) < sum(waits[:-1], timedelta()) < timedelta(hours=54)


def test_they_are_spread_and_never_past_their_bounds():
    for attempts in range(1, MOST_ATTEMPTS):
        least, most = (wait_after(attempts, 503, draw) for draw in (0.0, 1.0))
        assert least < wait_after(attempts, 503, 0.5) < most
        assert most / least == pytest.approx(1.5)
    assert wait_after(10**6, 500, 0.0) is None


def test_a_receiver_that_is_gone_for_good_is_believed():
    assert wait_after(1, 410, 0.5) is None
    assert wait_after(1, 404, 0.5) == FIRST

"""Sockets of servers."""

import socket

import pytest

from plumbline.web.listening import ListenError, bind, url_of


def test_a_socket_listens_before_anything_serves():
    with bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        assert url_of(bound, "127.0.0.1") == f"http://127.0.0.1:{port}"
        assert url_of(bound, "::1") == f"http://[::1]:{port}"
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        with pytest.raises(ListenError, match="PL-STA-010"):
            bind("127.0.0.1", port)
    with pytest.raises(ListenError, match="PL-STA-011"):
        bind("192.0.2.1", 0)


@pytest.mark.parametrize("host", ["a" * 70, "a..b"])
def test_a_name_that_no_host_could_have_is_told_by_a_code(host):
    with pytest.raises(ListenError, match="PL-STA-011"):
        bind(host, 0)

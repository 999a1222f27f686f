#!/usr/bin/env python3
"""A real SMTP server that keeps what it is given and can be told to misbehave.

    smtp_server.py --port 0 --dir DIR [--user U --password P]
                   [--cert PEM --key PEM [--implicit-tls]]

The first line on standard output is the port. With a certificate it offers STARTTLS,
or speaks TLS from the first byte with --implicit-tls; without one it offers neither.
--no-smtputf8 takes away what addresses beyond ASCII need.
It ends when it is killed, or with --exit-with-stdin when its standard input closes.

Each mail becomes DIR/0001.eml, 0002.eml, ... exactly as it came, with the envelope
beside it in 0001.json: {"from", "to", "tls", "user", "smtputf8"}. Both appear whole,
the .eml last.

The file DIR/refuse, read anew for every mail, chooses the behaviour:

    (absent or empty)  accept
    permanent          answer the recipient with 550
    transient          answer the recipient with 451
    disconnect         drop the connection instead of answering the recipient
    silence            never answer the recipient
    hangup             keep and accept the mail, then drop the connection at QUIT
    NNN text           answer the recipient with these very words
"""

import argparse
import asyncio
import json
import os
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

REPLIES = {
    "permanent": "550 5.1.1 No such mailbox here",
    "transient": "451 4.7.1 Greylisted, try again later",
}


class Recorder:
    def __init__(self, directory):
        self.directory = directory

    def behaviour(self):
        try:
            return (self.directory / "refuse").read_text().strip()
        except FileNotFoundError:
            return ""

    async def handle_RCPT(self, server, session, envelope, address, options):
        chosen = self.behaviour()
        if chosen == "disconnect":
            server.transport.abort()
            return "421 4.3.0 Gone"
        if chosen == "silence":
            await asyncio.Event().wait()
        if chosen in REPLIES or chosen[:3].isdigit():
            return REPLIES.get(chosen, chosen)
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        kept = [int(path.stem) for path in self.directory.glob("[0-9]*.eml")]
        number = 1 + max(kept, default=0)
        about = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "user": session.auth_data,
            "smtputf8": bool(envelope.smtp_utf8),
        }
        self.keep(f"{number:04}.json", json.dumps(about).encode())
        self.keep(f"{number:04}.eml", envelope.content)
        return "250 2.0.0 Kept"

    async def handle_QUIT(self, server, session, envelope):
        if self.behaviour() == "hangup":
            server.transport.abort()
        return "221 2.0.0 Bye"

    def keep(self, name, content):
        unfinished = self.directory / f"{name}.part"
        unfinished.write_bytes(content)
        os.rename(unfinished, self.directory / name)


def authenticator(user, password):
    expected = LoginPassword(user.encode(), password.encode())

    def authenticate(server, session, envelope, mechanism, data):
        accepted = data == expected
        return AuthResult(success=accepted, handled=False, auth_data=user)

    return authenticate


async def until_stdin_closes():
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.buffer.read)


async def serve(options):
    options.dir.mkdir(parents=True, exist_ok=True)
    context = None
    if options.cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.cert, options.key)
    settings = {"enable_SMTPUTF8": not options.no_smtputf8, "hostname": "mail.test"}
    if options.user is not None:
        settings |= {
            "authenticator": authenticator(options.user, options.password),
            "auth_required": True,
            "auth_require_tls": False,
        }
    if context and not options.implicit_tls:
        settings |= {"tls_context": context}
    recorder = Recorder(options.dir)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(recorder, **settings),
        host=options.host,
        port=options.port,
        ssl=context if options.implicit_tls else None,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    if options.exit_with_stdin:
        await until_stdin_closes()
        os._exit(0)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dir", type=pathlib.Path, required=True)
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--implicit-tls", action="store_true")
    parser.add_argument("--no-smtputf8", action="store_true")
    parser.add_argument("--exit-with-stdin", action="store_true")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()

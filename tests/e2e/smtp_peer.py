#!/usr/bin/python3
"""A mail server (Debian's python3-aiosmtpd) for email_test.py: ports for smtps, STARTTLS with AUTH, and neither. What it takes is a JSON line of stdout."""
import asyncio, json, ssl, sys
from aiosmtpd.smtp import AuthResult, SMTP

cert, key = sys.argv[1:3]
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(cert, key)


class Handler:
    def __init__(self, name):
        self.name = name

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('gone'):
            return '550 no such mailbox'
        if address.startswith('busy'):
            return '451 try later'
        envelope.rcpt_tos.append(address)
        return '250 OK'

    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({'port': self.name, 'tls': session.ssl is not None, 'user': session.auth_data and session.auth_data.login.decode(),
                          'from': envelope.mail_from, 'to': envelope.rcpt_tos, 'content': envelope.content.decode('ascii')}), flush=True)
        return '250 taken'


def authenticator(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b'keytrail' and data.password == b'right horse', handled=False, auth_data=data)


async def main():
    servers, loop = {}, asyncio.get_running_loop()
    for name, outer, options in (('smtps', tls, {'authenticator': authenticator, 'auth_require_tls': False}),
                                 ('starttls', None, {'tls_context': tls, 'require_starttls': True, 'authenticator': authenticator, 'auth_required': True}),
                                 ('plain', None, {})):
        servers[name] = await loop.create_server(lambda n=name, o=options: SMTP(Handler(n), **o), '127.0.0.1', 0, ssl=outer)
    print(json.dumps({n: s.sockets[0].getsockname()[1] for n, s in servers.items()}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until the test closes it


asyncio.run(main())

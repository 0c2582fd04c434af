#!/usr/bin/env python3
"""Mail against a real server: TLS from the start and by STARTTLS, never without; logins, refusals, and what arrives."""
import email, email.policy, json
from support import *

h = House()
crt, key = h.path('smtp.crt'), h.path('smtp.key')
run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', key, '-out', crt,
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1')
peer = subprocess.Popen(['/usr/bin/python3', os.path.join(os.path.dirname(os.path.abspath(__file__)), 'smtp_peer.py'), crt, key],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(h.path('peer.log'), 'w'), text=True)
first = peer.stdout.readline()
if not check(first.startswith('{'), 'the mail server is there', h.log('peer.log')):
    finish()
ports = json.loads(first)
h.write('pass', 'right horse\n')
h.write('wrong', 'wrong horse\n')
base = open(h.path('keytrail.yaml')).read()


def send(**o):
    """One test mail: what notify says, and the message that arrived or None."""
    o = {'from': 'keytrail@example.com', 'to': '[oncall@example.com]', 'allow_private': 'true', 'ca_file': crt} | o
    h.write('keytrail.yaml', base + 'alerts: { targets: { mail: { type: email, ' + ', '.join(f'{k}: {v}' for k, v in o.items() if v) + ' } } }\n')
    p = keytrail('notify', 'test', 'mail', '-c', h.path('keytrail.yaml'), ok=False)
    out = (p.stdout + p.stderr).decode()
    return out, json.loads(peer.stdout.readline()) if 'delivered' in out else None


starttls, smtps, plain = (f'{s}://127.0.0.1:{ports[p]}' for s, p in (('smtp', 'starttls'), ('smtps', 'smtps'), ('smtp', 'plain')))
login = {'user': 'keytrail', 'password_file': h.path('pass')}
out, m = send(server=starttls, **login)
check(m is not None and m['tls'] and m['user'] == 'keytrail', 'STARTTLS and a login', (out, m))
check(m['from'] == 'keytrail@example.com' and m['to'] == ['oncall@example.com'], 'the envelope is what is configured', m)
msg = email.message_from_string(m['content'], policy=email.policy.default)
check(not msg.defects and [p.get_content_type() for p in msg.iter_parts()] == ['text/plain', 'text/html'], 'a reader finds text and HTML', m['content'])
check(str(msg['Subject']).startswith('[TEST INFO] test: ') and msg['Auto-Submitted'] == 'auto-generated' and msg['Message-ID'], 'and the headers', msg.items())
check('Nothing happened' in msg.get_body(('plain',)).get_content() and '<p>' in msg.get_body(('html',)).get_content(), 'and the words')
out, m = send(server=smtps, **login)
check(m is not None and m['port'] == 'smtps' and m['user'] == 'keytrail', 'TLS from the first byte on', out)
out, _ = send(server=starttls, user='keytrail', password_file=h.path('wrong'))
check('535' in out and 'refused' in out and 'horse' not in out, 'a wrong password is a refusal for good', out)
out, _ = send(server=starttls, ca_file=None, **login)
check('delivered' not in out and 'certificate' in out.lower(), 'a certificate that nobody vouches for is not talked to', out)
out, _ = send(server=plain)
check('delivered' not in out, 'a server without STARTTLS gets nothing', out)
out, m = send(server=plain, no_tls='true')
check(m is not None and not m['tls'], 'unless it is a relay on this host and said to be one', out)
out, _ = send(server=plain, no_tls='true', allow_private=None)
check('allow_private' in out, 'and private addresses are allowed', out)
out, _ = send(server='smtp://relay.example.com:25', no_tls='true')
check("use https" not in out and 'loopback' in out, 'no other host is spoken to without TLS', out)
out, m = send(server=smtps, to='[gone@example.com, oncall@example.com]', **login)
check(m is not None and m['to'] == ['oncall@example.com'], 'one mailbox that is gone does not keep it from the others', out)
out, _ = send(server=smtps, to='[gone@example.com]', **login)
check('550' in out and 'would not be tried again' in out, 'no mailbox at all is a dead letter', out)
out, _ = send(server=smtps, to='[busy@example.com]', **login)
check('451' in out and 'would be tried again' in out, '4xx is tried again', out)
for bad, says in ({'from': '"a@b\\r\\nBcc: eve@evil.example"'}, 'from'), ({'to': '[not-an-address]'}, 'to'), ({'user': 'keytrail'}, 'belong together'), ({'server': 'https://x'}, 'smtp'):
    out, _ = send(**({'server': smtps} | bad))
    check(says in out and 'delivered' not in out, f'{list(bad)[0]}: what cannot work is said before', out)
peer.stdin.close()
check(peer.wait(10) == 0, 'the server ends', h.log('peer.log'))
finish()

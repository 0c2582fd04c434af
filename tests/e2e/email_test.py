#!/usr/bin/env python3
"""Mail against a real server: TLS from the start and by STARTTLS, never without; logins, refusals, what arrives, and that an alert is one thread."""
import email, email.policy, json, threading
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
check(m is not None and m['to'] == ['oncall@example.com'] and '1_of_2_refused' in out, 'one mailbox that is gone does not keep it from the others, and is counted', out)
for to, has in ('[busy@example.com, oncall@example.com]', True), ('[oncall@example.com, busy@example.com, gone@example.com]', True), ('[busy@example.com, gone@example.com]', False):
    out, _ = send(server=smtps, to=to, **login)
    check('451' in out and 'would be tried again' in out, f'one that is busy is tried again: {to}', out)
    if has:
        m = json.loads(peer.stdout.readline())
        check(m['to'] == ['oncall@example.com'], 'the other has it', m)
out, _ = send(server=smtps, to='[gone@example.com]', **login)
check('550' in out and 'would not be tried again' in out, 'no mailbox at all is a dead letter', out)
out, _ = send(server=smtps, to='[busy@example.com]', **login)
check('451' in out and 'would be tried again' in out, '4xx is tried again', out)
for bad, says in ({'from': '"a@b\\r\\nBcc: eve@evil.example"'}, 'from'), ({'to': '[not-an-address]'}, 'to'), ({'user': 'keytrail'}, 'belong together'), ({'server': 'https://x'}, 'smtp'):
    out, _ = send(**({'server': smtps} | bad))
    check(says in out and 'delivered' not in out, f'{list(bad)[0]}: what cannot work is said before', out)

# ---- an alert is one thread, over a kill: opened, acknowledged, noted, closed ----
rng, mails = random.Random(SEED), []


def read_mails():
    """What the collector says of itself (of a disk of this host that is nearly full, say) is another thread, and not asked for here."""
    for line in peer.stdout:
        m = email.message_from_string(json.loads(line)['content'], policy=email.policy.default)
        if '] self: ' not in m['Subject']:
            mails.append(m)


threading.Thread(target=read_mails, daemon=True).start()
h.write('keytrail.yaml', base + f"""alerts:
  links: {{ alert: "https://keys.example.com/a/{{id}}?from=mail", runbook: "https://keys.example.com/runbooks/{{detector}}" }}
  targets: {{ mail: {{ type: email, server: "{smtps}", from: keytrail@example.com, to: [oncall@example.com], user: keytrail, password_file: {h.path('pass')}, ca_file: {crt}, allow_private: true }} }}
""")
h.start_collector()
h.allow('v', h.new_key('v'))
log = h.path('audit.log')
h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])
t = time.time() - 60
with open(log, 'w') as f:
    f.write('\n'.join(l for i in range(40) for l in vault_login(rng, t + i, 'ann', 1)) + '\n')
h.start_agent('v')
if not check(wait_for(lambda: mails), 'an alert is a mail', h.log('collector.log')[-1500:]):
    finish()
first = mails[0]
alert = [a for a in ndjson(keytrail('alerts', 'list', '--severity', 'medium', '--db', h.db, '-o', 'ndjson')) if a['detector'] != 'self'][0]
words = first.get_body(('plain',)).get_content()
check(first['In-Reply-To'] is None and first['References'] is None and not str(first['Subject']).startswith('Re:'), 'the first one answers nothing', first.items())
check(f"https://keys.example.com/a/{alert['id']}?from=mail" in words and f"https://keys.example.com/runbooks/{alert['detector']}" in words.split(), 'with the pages of alert and runbook', words)
check(f'<a href="https://keys.example.com/a/{alert["id"]}?from=mail">Open alert</a>' in first.get_body(('html',)).get_content(), 'to click on', first.get_body(('html',)).get_content())


def said(word, *argv):
    """What a person does, and the mail about it."""
    keytrail('alerts', *argv, '--by', 'bob', '-c', h.path('keytrail.yaml'))
    check(wait_for(lambda: any(f' · {word}: ' in m.get_body(('plain',)).get_content() for m in mails)), f'{argv[0]} is a mail', (len(mails), h.log('collector.log')[-1500:]))


said('acknowledged', 'ack', alert['id'])
h.collector.kill()
h.collector.wait()
h.start_collector()
said('update', 'note', alert['id'], '--note', 'asked Ann')
said('closed', 'close', alert['id'], '--verdict', 'true', '--note', 'password changed')
check(all(m['In-Reply-To'] == m['References'] == first['Message-ID'] for m in mails[1:]), 'each is a reply to the first', [m.items() for m in mails])
check(len({m['Message-ID'] for m in mails}) == len(mails) >= 4, 'and a message of its own', [m['Message-ID'] for m in mails])
check({str(m['Subject']) for m in mails[1:]} == {f"Re: {first['Subject']}"}, 'of one subject', [m['Subject'] for m in mails])
check(stop(h.collector) == 0, 'a clean stop', h.log('collector.log')[-1500:])
peer.stdin.close()
check(peer.wait(10) == 0, 'the server ends', h.log('peer.log'))
finish()

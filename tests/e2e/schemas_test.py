#!/usr/bin/env python3
"""What the stream encoders write (the golden bodies of tests/cases/streams, which the unit test compares byte by byte) against the rules of the published schemas, which are data
beside the cases. The checker itself is tried: a document without any one mandatory part is refused."""
import copy, glob, ipaddress, json
from support import *

CASES = 'tests/cases/streams'


def bodies(kind):
    """(case, document) of each line of each golden body"""
    for path in sorted(glob.glob(f'{CASES}/{kind}/*.case')):
        inside = False
        for line in open(path, encoding='utf-8', newline='\n'):
            line = line.rstrip('\n')
            if line in ('body', 'end'):
                inside = line == 'body'
            elif inside:
                yield os.path.basename(path), json.loads(line)


# ---- OCSF ----

OCSF = json.load(open(f'{CASES}/ocsf/rules.json', encoding='utf-8'))


def look(rules, o, where, found, extra=()):
    """One object against the rules of its kind; then its members that are objects."""
    for r in rules.get('required', []):
        if o.get(r) in (None, '', [], {}):
            found.append(f'{where}: {r} is required')
    if rules.get('at_least_one') and not any(o.get(r) not in (None, '', [], {}) for r in rules['at_least_one']):
        found.append(f'{where}: one of {rules["at_least_one"]} is required')
    if rules.get('exactly_one') and sum(r in o for r in rules['exactly_one']) != 1:
        found.append(f'{where}: exactly one of {rules["exactly_one"]} is required')
    for r in rules.get('integers', []):
        if r in o and (not isinstance(o[r], int) or isinstance(o[r], bool)):
            found.append(f'{where}: {r} is no integer')
    for r, values in rules.get('enums', {}).items():
        if r not in o:
            continue
        if str(o[r]) not in values:
            found.append(f'{where}: {r} {o[r]} is not in its enum')
        caption = o.get(r[:-3])
        if caption is not None and values.get(str(o[r])) not in (None, caption):
            found.append(f'{where}: {r} {o[r]} is not called {caption}')
        if o[r] == 99 and caption is None and r != 'severity_id':
            found.append(f'{where}: {r} 99 needs its sibling')
    known = set(rules.get('attributes', [])) | set(extra)
    for k, v in o.items():
        if k not in known:
            found.append(f'{where}: there is no attribute {k}')
        if k == 'ip':
            try:
                ipaddress.ip_address(v)
            except ValueError:
                found.append(f'{where}: {v} is no address')
        kind = OCSF['members'].get(k)
        if kind:
            for x in v if isinstance(v, list) else [v]:
                look(OCSF['objects'][kind], x, f'{where}.{k}', found)


def ocsf(o):
    found = []
    name = str(o.get('class_uid'))
    c = OCSF['classes'].get(name)
    if c is None:
        return [f'no class {name}']
    rules = {k: dict(OCSF['event'][k]) if isinstance(OCSF['event'][k], dict) else list(OCSF['event'][k]) for k in OCSF['event']}
    rules['required'] += c.get('required', [])
    rules['at_least_one'] = c.get('at_least_one')
    rules['enums'].update(c.get('enums', {}))
    profiles = o.get('metadata', {}).get('profiles', [])
    extra = c.get('attributes', []) + (c.get('incident', []) if 'incident' in profiles else [])
    look(rules, o, name, found, extra)
    for want, field in ((c['category'], 'category_uid'), (c['name'], 'class_name'), (c['category_name'], 'category_name')):
        if o.get(field) != want:
            found.append(f'{name}: {field} is {o.get(field)}')
    activity = o.get('activity_id')
    if str(activity) not in c['activities'] or c['activities'][str(activity)] not in (None, o.get('activity_name')):
        found.append(f'{name}: activity {activity} {o.get("activity_name")}')
    if activity == 99 and not o.get('activity_name'):
        found.append(f'{name}: activity 99 needs its name')
    if isinstance(activity, int) and o.get('type_uid') != o['class_uid'] * 100 + activity:
        found.append(f'{name}: type_uid {o.get("type_uid")}')
    if ('cloud' in o) != ('cloud' in profiles):
        found.append(f'{name}: cloud comes with its profile and only then')
    if o.get('metadata', {}).get('version') != OCSF['version']:
        found.append(f'{name}: version')
    return found


def paths(o, at=()):
    for k, v in o.items():
        yield at + (k,)
        if isinstance(v, dict) and k != 'unmapped':
            yield from paths(v, at + (k,))
        elif isinstance(v, list) and v and isinstance(v[0], dict):
            yield from paths(v[0], at + (k, 0))


def without(o, path):
    o = copy.deepcopy(o)
    at = o
    for p in path[:-1]:
        at = at[p]
    del at[path[-1]]
    return o


docs = list(bodies('ocsf'))
bad = [f'{case}: {f}' for case, o in docs for f in ocsf(o)]
check(len(docs) > 40 and not bad, f'{len(docs)} documents hold to OCSF {OCSF["version"]}', '\n'.join(bad) or len(docs))
seen = {(o['class_uid'], o['activity_id']) for _, o in docs}
want = {(6003, a) for a in (1, 2, 3, 4, 99)} | {(3002, 1), (3005, 1), (3005, 2), (1008, 2), (1008, 4), (1008, 5), (1008, 6), (1008, 7), (1008, 99), (0, 99)} | {(2004, a) for a in (1, 2, 3)}
check(want <= seen, 'every class and activity is among them', want - seen)
status = {o['status_id'] for _, o in docs if o['class_uid'] == 2004}
check({1, 2, 3, 4, 5} <= status, 'findings are new, in progress, suppressed, resolved, archived', status)
check({o.get('verdict_id') for _, o in docs} >= {1, 2, 5}, 'verdicts are false positive, true positive, benign')

mandatory = {'activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid', 'metadata.version', 'metadata.product', 'actor', 'api', 'api.operation', 'src_endpoint',
             'finding_info', 'finding_info.uid', 'finding_info.analytic.type_id', 'user', 'privileges', 'service', 'cloud.provider', 'api.request.uid', 'observables.0.type_id'}
missed, tried = [], set()
for case, o in docs:
    for p in paths(o):
        name = '.'.join(map(str, p))
        must = name in mandatory and not (name in ('actor', 'src_endpoint') and o['class_uid'] != 6003)
        if must:
            tried.add(name)
            if not ocsf(without(o, p)):
                missed.append(f'{case}: {name}')
check(tried == mandatory and not missed, f'the checker finds each of {len(mandatory)} mandatory parts missing', '\n'.join(missed) or mandatory - tried)

# ---- ECS ----

ECS = json.load(open(f'{CASES}/elasticsearch/rules.json', encoding='utf-8'))
DATE = re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$')


def is_ip(v):
    try:
        return bool(ipaddress.ip_address(v))
    except ValueError:
        return False


FORMS = {'date': lambda v: isinstance(v, str) and DATE.match(v), 'text': lambda v: isinstance(v, str) and v, 'keyword': lambda v: isinstance(v, str) and v,
         'long': lambda v: isinstance(v, int) and not isinstance(v, bool), 'ip': is_ip, 'keywords': lambda v: v and all(isinstance(x, str) and x for x in v), 'ips': lambda v: v and all(map(is_ip, v))}


def flat(o, at=''):
    for k, v in o.items():
        if isinstance(v, dict):
            yield from flat(v, f'{at}{k}.')
        else:
            yield at + k, v


def ecs(o):
    fields = {k: v for k, v in flat(o) if not k.startswith('keytrail.')}
    found = [f'{r} is required' for r in ECS['required'] if r not in fields]
    for k, v in fields.items():
        form = ECS['fields'].get(k)
        if form is None:
            found.append(f'there is no field {k}')
        elif isinstance(form, list):
            found += [f'{k}: {x} is not allowed' for x in (v if isinstance(v, list) else [v]) if x not in form]
        elif not FORMS[form](v):
            found.append(f'{k}: {v!r} is no {form}')
    for c in fields.get('event.category', []):
        found += [f'{c} has no type {t}' for t in fields.get('event.type', []) if t not in ECS['types'].get(c, [])]
    if 'denied' in fields.get('event.type', []) and fields['event.category'] != ['api']:
        found.append('denied goes with api alone')
    if fields.get('ecs.version') != ECS['version']:
        found.append('ecs.version')
    return found


docs = [(case, o) for case, o in bodies('elasticsearch') if 'create' not in o]
bad = [f'{case}: {f}' for case, o in docs for f in ecs(o)]
check(len(docs) > 40 and not bad, f'{len(docs)} documents hold to ECS {ECS["version"]}', '\n'.join(bad) or len(docs))
check(all(len(o['create']['_id']) == 26 for _, o in bodies('elasticsearch') if 'create' in o), 'each has its _id of 26 characters')
verbs = {o['event']['action'] for _, o in docs}
check(len([v for v in verbs if v.startswith('secret.')]) == 17, 'every verb is among them', verbs)
check(any('denied' in o['event'].get('type', []) for _, o in docs), 'and a denied access')
for drop in ECS['required']:
    name, *rest = drop.split('.')
    path = (name, *rest) if rest else (name,)
    check(ecs(without(docs[0][1], path)), f'the checker finds {drop} missing')
template = json.load(open('deploy/elastic/index-template.json', encoding='utf-8'))
policy = json.load(open('deploy/elastic/ilm-policy.json', encoding='utf-8'))
check(template['template']['settings']['index.lifecycle.name'] == 'keytrail' and int(policy['policy']['phases']['delete']['min_age'][:-1]) >= 400, 'the template names the policy, which keeps 400 days')
mapped = {k.replace('properties.', '').rsplit('.', 1)[0]: v for k, v in flat(template['template']['mappings']['properties']) if k.endswith('.type') or k == '@timestamp.type'}
wrong = {k: v for k, v in mapped.items() if ECS['fields'].get(k) in ('date', 'ip', 'ips', 'long') and v not in (ECS['fields'][k], ECS['fields'][k].rstrip('s'), 'float')}
check(not wrong, 'its types are those of the documents', wrong)
finish()

"""The six questions of the bench: their windows, their SQL in three dialects, and as grep and jq.

A window is [now - length, now). Answers are rows of text; rows and events of the same question are the same in every tool:
  q1  lines of one actor, 24 h                               events = rows
  q2  one secret, 90 days: count, first and last second      events = the count
  q3  denied or failed from a network, 30 days: actor, secret, address    events = rows
  q4  the 20 (actor, day) with most distinct secrets, a year              events = the sum of the distinct counts
  q5  month x source x action x outcome, a year: counts                   events = the sum of the counts
  q6  substring in the line, a year: count, first and last second         events = the count"""
import hashlib, ipaddress, json, shlex

SECOND, DAY = 10**9, 86400 * 10**9
WHAT = {'q1': 'actor, 24 h, lines', 'q2': 'secret, 90 d', 'q3': 'failures of a /24, 30 d', 'q4': 'top 20 actor-days', 'q5': 'month counts', 'q6': 'substring, year'}
DAYS = {'q1': 1, 'q2': 90, 'q3': 30, 'q4': 365, 'q5': 365, 'q6': 365}


class Questions:
    def __init__(self, path):
        q = json.load(open(path, encoding='utf-8'))
        self.now, self.actor, self.secret, self.text = int(q['now']), q['actor'], q['secret'], q['text']
        net = ipaddress.ip_network(q['cidr'])
        if net.version != 4 or net.prefixlen not in (8, 16, 24):
            raise SystemExit('peers: cidr: an IPv4 network of 8, 16 or 24 bits, so that tools that know addresses as text alone can answer')
        self.cidr, self.prefix = str(net), '.'.join(str(net.network_address).split('.')[:net.prefixlen // 8]) + '.'

    def window(self, q):
        return f'time >= {self.now - DAYS[q] * DAY} and time < {self.now}'

    def sql(self, dialect):
        """Every question in sqlite, duckdb or postgresql, each as it is best asked there."""
        d, w = DIALECTS[dialect], self.window
        network = d['network'].format(prefix=lit(self.prefix), after=lit(self.prefix[:-1] + '/'), cidr=lit(self.cidr))
        text = d['text'].format(text=lit(self.text), like=lit('%' + self.text.replace('\\', '\\\\').replace('%', '\\%').replace('_', '\\_') + '%'))
        span, ip = f'count(*), min(time){d["div"]}{SECOND}, max(time){d["div"]}{SECOND}', d['ip']
        return {'q1': f'select line from ev where actor = {lit(self.actor)} and {w("q1")} order by time',
                'q2': f'select {span} from ev where secret = {lit(self.secret)} and {w("q2")}',
                'q3': f"select actor, secret, {ip} from ev where {network} and outcome in ('denied', 'failure') and {w('q3')} order by time",
                'q4': f'select actor, day, count(*) as n from (select distinct actor, time{d["div"]}{DAY} as day, secret from ev where {w("q4")}) as seen '
                      'group by actor, day order by n desc, actor, day limit 20',
                'q5': d['months'].format(window=w('q5')),
                'q6': f'select {span} from ev where {text} and {w("q6")}'}

    def shell(self, file):
        """grep where a fixed string narrows the file, jq for the rest; lines come in the order of the file."""
        def grep(text):
            return f'LC_ALL=C grep -F -- {shlex.quote(text)} {shlex.quote(file)}'

        def jq(q, keep, give, flags='-r'):
            return f"jq {flags} {shlex.quote(f'select(.time >= {self.now - DAYS[q] * DAY} and .time < {self.now} and {keep}) | {give}')}"

        as_json = {k: json.dumps(getattr(self, k), ensure_ascii=False) for k in ('actor', 'secret', 'text', 'prefix')}
        year, whole = f'.time >= {self.now - 365 * DAY} and .time < {self.now}', shlex.quote(file)
        span = r"""awk 'NR == 1 || $1 < a { a = $1 } NR == 1 || $1 > b { b = $1 } END { printf "%d\t%s\t%s\n", NR, a, b }'"""
        second, day = '(.time / 1e9 | floor)', '(.time / 864e11 | floor)'
        top = (f'reduce (inputs | select({year})) as $e ({{}}; .[$e | "\\(.actor)\\t\\({day})"][$e.secret] = 1) | to_entries '
               '| map([.key, (.value | length)]) | sort_by([-.[1], .[0]]) | .[:20][] | "\\(.[0])\\t\\(.[1])"')
        months = (f'reduce (inputs | select({year})) as $e ({{}}; .[$e | "\\(.time / 1e9 | strftime("%Y-%m"))\\t\\(.source)\\t\\(.action)\\t\\(.outcome)"] += 1) '
                  '| to_entries[] | "\\(.key)\\t\\(.value)"')
        return {'q1': f'{grep(as_json["actor"])} | {jq("q1", ".actor == " + as_json["actor"], ".line")}',
                'q2': f'{grep(as_json["secret"])} | {jq("q2", ".secret == " + as_json["secret"], second)} | {span}',
                'q3': f'{grep(as_json["prefix"][:-1])} | ' + jq('q3', f'(.ip // "" | startswith({as_json["prefix"]})) and (.outcome == "denied" or .outcome == "failure")',
                                                               '[.actor, .secret, .ip] | @tsv'),
                'q4': f'jq -rn {shlex.quote(top)} {whole}',
                'q5': f'jq -rn {shlex.quote(months)} {whole}',
                'q6': f'{grep(as_json["text"][1:-1])} | {jq("q6", "(.line | contains(" + as_json["text"] + "))", second)} | {span}'}


def lit(text):
    return "'" + text.replace("'", "''") + "'"


DIALECTS = {
    'sqlite': {'div': '/', 'ip': 'ip', 'network': 'ip >= {prefix} and ip < {after}', 'text': 'instr(line, {text}) > 0',
               'months': "select strftime('%Y-%m', time/1000000000, 'unixepoch') as m, source, action, outcome, count(*) from ev where {window} group by 1, 2, 3, 4"},
    'duckdb': {'div': '//', 'ip': 'ip', 'network': 'starts_with(ip, {prefix})', 'text': 'contains(line, {text})',
               'months': "select strftime(m, '%Y-%m'), source, action, outcome, n from (select date_trunc('month', make_timestamp(time//1000)) as m, "
                         'source, action, outcome, count(*) as n from ev where {window} group by all)'},
    'postgresql': {'div': '/', 'ip': 'host(ip)', 'network': 'ip <<= {cidr}', 'text': 'line like {like}',
                   'months': "select to_char(m, 'YYYY-MM'), source, action, outcome, n from (select date_trunc('month', to_timestamp(time/1000000000) at time zone 'UTC') as m, "
                             'source, action, outcome, count(*) as n from ev where {window} group by 1, 2, 3, 4) as g'}}


def events_of(q, rows):
    if q in ('q1', 'q3'):
        return len(rows)
    if q in ('q2', 'q6'):
        return int(rows[0][0]) if rows else 0
    return sum(int(r[-1]) for r in rows)


def digest(rows):
    """Of the rows in any order, so that two answers can be compared without keeping them."""
    h = hashlib.sha256()
    for line in sorted('\t'.join(r) for r in rows):
        h.update(line.encode() + b'\n')
    return h.hexdigest()[:16]

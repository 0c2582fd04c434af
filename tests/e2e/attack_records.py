"""Records in the form of each source, by hand: what attacks look like in the logs of the stores that they hit."""
import datetime, itertools, json

START = 1772435645  # 2026-03-02T07:14:05Z, a Monday
DAY = 86400
ACCOUNT, FOREIGN = '111122223333', '999988887777'
SECRETS = 'secretsmanager'
numbers = itertools.count(1)


def time(t, fraction=''):
    return datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%S') + fraction + 'Z'


def uid():
    return '10000000-0000-4000-8000-%012d' % next(numbers)


def user(name):
    return {'type': 'IAMUser', 'principalId': 'AIDAEXAMPLE', 'arn': f'arn:aws:iam::{ACCOUNT}:user/{name}', 'accountId': ACCOUNT,
            'accessKeyId': 'AKIAMALLORYEXAMPLE', 'userName': name}


def role(name, session):
    issuer = {'type': 'Role', 'arn': f'arn:aws:iam::{ACCOUNT}:role/{name}', 'userName': name}
    return {'type': 'AssumedRole', 'principalId': f'AROAEXAMPLE:{session}', 'arn': f'arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}',
            'accountId': ACCOUNT, 'accessKeyId': 'ASIA' + session.upper() + 'EXAMPLE', 'sessionContext': {'sessionIssuer': issuer}}


def aws(t, service, name, params=None, who=None, error=None, ip='203.0.113.77', **more):
    r = {'eventVersion': '1.09', 'userIdentity': who or user('mallory'), 'eventTime': time(t), 'eventSource': service + '.amazonaws.com',
         'eventName': name, 'awsRegion': 'us-east-1', 'sourceIPAddress': ip, 'userAgent': 'Boto3/1.34', 'requestParameters': params,
         'responseElements': None, 'requestID': uid(), 'eventID': uid(), 'readOnly': False, 'eventType': 'AwsApiCall', 'recipientAccountId': ACCOUNT}
    if error:
        r.update(errorCode=error, errorMessage='no')
    return dict(r, **more)


def vault(t, operation, path, who='userpass-mallory', error=None, policies=('dev',), ip='203.0.113.77', login=False):
    auth = {} if login else {'client_token': 'hmac-sha256:aa', 'accessor': 'hmac-sha256:bb', 'display_name': who, 'policies': list(policies),
                             'entity_id': 'e-' + who, 'token_type': 'service'}
    request = {'id': uid(), 'operation': operation, 'mount_type': 'kv', 'path': path, 'remote_address': ip, 'remote_port': 4444}
    both = [{'time': time(t, '.1'), 'type': 'request', 'auth': auth, 'request': request},
            {'time': time(t, '.2'), 'type': 'response', 'auth': auth, 'request': request, 'response': {'mount_type': 'kv', 'data': {'x': 'hmac-sha256:cc'}}}]
    return [dict(r, error=error) for r in both] if error else both


def kubernetes(t, verb, resource, namespace=None, name=None, who='mallory@example.com', groups=('system:authenticated',), ip='203.0.113.77'):
    about = {'resource': resource, 'apiVersion': 'v1', 'namespace': namespace, 'name': name}
    return {'kind': 'Event', 'apiVersion': 'audit.k8s.io/v1', 'level': 'Metadata', 'auditID': uid(), 'stage': 'ResponseComplete',
            'requestURI': '/api/v1/' + resource, 'verb': verb, 'user': {'username': who, 'groups': list(groups)}, 'sourceIPs': [ip],
            'userAgent': 'kubectl/v1.30.1 (linux/amd64)', 'objectRef': {k: v for k, v in about.items() if v},
            'responseStatus': {'metadata': {}, 'code': 200}, 'requestReceivedTimestamp': time(t, '.000001'),
            'stageTimestamp': time(t, '.020001'), 'annotations': {'authorization.k8s.io/decision': 'allow'}}


def gcp(t, method, resource, service='secretmanager', who='mallory@example.com', **payload):
    audit = {'@type': 'type.googleapis.com/google.cloud.audit.AuditLog', 'status': {}, 'authenticationInfo': {'principalEmail': who},
             'requestMetadata': {'callerIp': '203.0.113.77', 'callerSuppliedUserAgent': 'gcloud'}, 'serviceName': service + '.googleapis.com',
             'methodName': method, 'resourceName': resource, 'authorizationInfo': [{'granted': True}]}
    return {'protoPayload': dict(audit, **payload), 'insertId': uid(), 'resource': {'type': 'audited_resource', 'labels': {'project_id': 'p1'}},
            'timestamp': time(t, '.5'), 'severity': 'INFO', 'logName': 'projects/p1/logs/cloudaudit.googleapis.com%2Fdata_access',
            'receiveTimestamp': time(t, '.9')}


def azure(t, operation, secret, who='mallory@example.com'):
    return {'time': time(t, '.1234567'), 'category': 'AuditEvent', 'operationName': operation, 'resultType': 'Success', 'correlationId': uid(),
            'callerIpAddress': '203.0.113.77', 'identity': {'claim': {'upn': who, 'oid': 'o-1'}}, 'operationVersion': '7.4', 'resultSignature': 'OK',
            'properties': {'clientInfo': 'az', 'httpStatusCode': 200, 'requestUri': 'https://kv1.vault.azure.net/secrets', 'id': secret},
            'resourceId': '/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV1', 'durationMs': '10'}


def onepassword(t, item, action='reveal', who='mallory'):
    person = {'uuid': 'U' + who, 'name': who, 'email': who + '@example.com', 'type': 'user'}
    return {'uuid': uid(), 'timestamp': time(t), 'used_version': 1, 'vault_uuid': 'v1', 'item_uuid': item, 'action': action, 'user': person,
            'client': {'app_name': '1Password', 'ip_address': '203.0.113.77', 'platform_name': 'MacOS'}, 'location': {'country': 'DE'}}


def policy(principal, **more):
    return json.dumps({'Statement': [dict({'Effect': 'Allow', 'Principal': principal, 'Action': '*', 'Resource': '*'}, **more)]})

# SPDX-License-Identifier: GPL-2.0-or-later
"""A page in headless Chromium, asked over its DevTools pipe: no port, no driver,
nothing but Python's own library."""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
import urllib.parse

NAMES = ('chromium', 'chromium-browser', 'google-chrome')

# Chromium's own traffic: none. Its sandbox wants namespaces that neither root nor a
# container has, and the pages are ours.
FLAGS = ('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
         '--disable-background-networking', '--disable-component-update', '--disable-sync',
         '--disable-dev-shm-usage', '--hide-scrollbars', '--window-size=1100,900',
         '--remote-debugging-pipe')


class Failure(Exception):
    """Chromium did not do what it was asked to."""


def find():
    """Where Chromium is, or None."""
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    return None


class Browser:
    """One process with an empty profile, and one page in it."""

    def __init__(self, program, timeout=60):
        self.timeout = timeout
        self.number = 0
        self.events = []
        self.rest = b''
        self.session = None
        self.profile = tempfile.mkdtemp(prefix='chromium.')
        self.log = open(os.path.join(self.profile, 'log'), 'wb')
        to_read, self.to = os.pipe()
        self.from_it, it_writes = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4. Above 10, the pipe's
        # ends are in no one's way when they become that.
        self.program = subprocess.Popen(
            ['/bin/sh', '-c', 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"', 'sh',
             str(to_read), str(it_writes), program, *FLAGS,
             f'--user-data-dir={self.profile}/data', 'about:blank'],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            pass_fds=(to_read, it_writes),
            env=dict(os.environ, HOME=self.profile, XDG_RUNTIME_DIR=self.profile))
        os.close(to_read)
        os.close(it_writes)

    def __enter__(self):
        try:
            target = self.call('Target.createTarget', url='about:blank')['targetId']
            self.session = self.call('Target.attachToTarget', targetId=target,
                                     flatten=True)['sessionId']
            for domain in ('Page', 'Network', 'Runtime', 'Log'):
                self.call(domain + '.enable')
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.program.terminate()
        try:
            self.program.wait(10)
        except subprocess.TimeoutExpired:
            self.program.kill()
            self.program.wait()
        os.close(self.to)
        os.close(self.from_it)
        self.log.close()
        # Its children may still write there for a moment.
        for _ in range(20):
            shutil.rmtree(self.profile, ignore_errors=True)
            if not os.path.exists(self.profile):
                break
            time.sleep(0.1)

    def _message(self, end):
        while b'\0' not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.from_it], [], [], left)[0]:
                raise Failure(f'no answer within {self.timeout} s')
            more = os.read(self.from_it, 1 << 20)
            if not more:
                with open(self.log.name, encoding='utf-8', errors='replace') as log:
                    raise Failure('it ended: ' + log.read()[-500:])
            self.rest += more
        message, self.rest = self.rest.split(b'\0', 1)
        return json.loads(message)

    def call(self, method, **params):
        """The answer to one request; events that come meanwhile are kept."""
        self.number += 1
        request = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            request['sessionId'] = self.session
        text = json.dumps(request).encode() + b'\0'
        try:
            while text:
                text = text[os.write(self.to, text):]
        except BrokenPipeError:
            pass
        end = time.monotonic() + self.timeout
        while True:
            message = self._message(end)
            if message.get('id') == self.number:
                if 'error' in message:
                    raise Failure(f"{method}: {message['error']['message']}")
                return message['result']
            if 'method' in message:
                self.events.append(message)

    def _wait_for(self, method):
        end = time.monotonic() + self.timeout
        while not any(e['method'] == method for e in self.events):
            message = self._message(end)
            if 'method' in message:
                self.events.append(message)

    def open(self, path):
        """Load a file, to the end."""
        self.events = []
        answer = self.call('Page.navigate',
                           url='file://' + urllib.parse.quote(os.path.abspath(path)))
        if answer.get('errorText'):
            raise Failure(f"{path}: {answer['errorText']}")
        self._wait_for('Page.loadEventFired')
        # What the page begins when it is loaded gets a moment to happen.
        self.evaluate('new Promise(done => setTimeout(done, 300))')

    def evaluate(self, expression):
        """The value of a JavaScript expression in the page."""
        answer = self.call('Runtime.evaluate', expression=expression, returnByValue=True,
                           awaitPromise=True)
        if 'exceptionDetails' in answer:
            raise Failure(f"{expression[:60]}: {answer['exceptionDetails']}")
        return answer['result'].get('value')

    def requests(self):
        """What was asked for since open()."""
        return [e['params']['request']['url'] for e in self.events
                if e['method'] == 'Network.requestWillBeSent']

    def blocked(self):
        """Why requests since open() were not sent."""
        return [e['params']['blockedReason'] for e in self.events
                if e['method'] == 'Network.loadingFailed' and 'blockedReason' in e['params']]

    def complaints(self):
        """What the page or Chromium wrote to the console since open()."""
        return [json.dumps(e['params'])[:300] for e in self.events
                if e['method'] in ('Runtime.consoleAPICalled', 'Runtime.exceptionThrown',
                                   'Log.entryAdded')]

    def colors(self, scheme, width=1000):
        """What the operator prefers: 'light' or 'dark'; and how wide his window is."""
        self.call('Emulation.setEmulatedMedia',
                  features=[{'name': 'prefers-color-scheme', 'value': scheme}])
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=900,
                  deviceScaleFactor=1, mobile=False)

    def screenshot(self, clip=None):
        """PNG of a rectangle of the page, or of all of it, in base64."""
        if not clip:
            size = self.call('Page.getLayoutMetrics')['cssContentSize']
            clip = {'x': 0, 'y': 0, 'width': size['width'], 'height': size['height']}
        return self.call('Page.captureScreenshot', format='png', captureBeyondViewport=True,
                         clip=dict(clip, scale=1))['data']

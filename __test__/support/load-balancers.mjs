// Real load balancers with TLS on loopback. They write their process id into each request, so that a test
// sees which process has passed it on.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { temporaryFolder } from './processes.mjs'
import { unusedPort } from './servers.mjs'

/** The header of a request with the id of the process that has passed it on. */
export const PROCESS = 'x-process'

/** Starts nginx in front of `upstream` (a URL). `keepAlive`: seconds until it closes an idle connection. */
export async function startNginx(t, { upstream, certificate, isHttp2, keepAlive = 60 }) {
  const [port, statusPort] = [await unusedPort(), await unusedPort()]
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'cert.pem'), certificate.cert)
  await writeFile(join(folder, 'key.pem'), certificate.key)
  const file = join(folder, 'nginx.conf')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  await writeFile(
    file,
    `${process.getuid() === 0 ? 'user root;' : ''}
    daemon off;
    pid pid;
    events {}
    http {
      access_log off;
      keepalive_timeout ${keepAlive}s;
      client_header_timeout ${keepAlive}s;
      lingering_timeout ${keepAlive}s;
      ${temporary.map((name) => `${name}_temp_path ${name};`).join('\n')}
      server {
        listen 127.0.0.1:${port} ssl${isHttp2 ? ' http2' : ''};
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        location / {
          proxy_pass ${upstream};
          proxy_set_header ${PROCESS} $pid;
        }
      }
      server {
        listen 127.0.0.1:${statusPort};
        location / { stub_status; }
      }
    }`,
  )
  const nginx = await startProcess(t, 'nginx', ['-p', folder, '-e', 'error.log', '-c', file], port)
  return {
    baseUrl: `https://localhost:${port}`,
    /** Starts a worker process. The old one ends when its connections have ended. */
    replace: () => nginx.kill('SIGHUP'),
    /** The number of open connections to it, without this one. */
    async connections() {
      const status = await (await fetch(`http://127.0.0.1:${statusPort}`)).text()
      return Number(/Active connections: (\d+)/.exec(status)[1]) - 1
    },
  }
}

/** Starts HAProxy in front of `upstream` (a URL). */
export async function startHaproxy(t, { upstream, certificate, isHttp2 }) {
  const [port, folder] = [await unusedPort(), await temporaryFolder(t)]
  await writeFile(join(folder, 'cert.pem'), `${certificate.cert}\n${certificate.key}`)
  const [file, socket] = [join(folder, 'haproxy.cfg'), join(folder, 'socket')]
  await writeFile(
    file,
    `global
      stats socket ${socket} expose-fd listeners
    defaults
      mode http
      timeout connect 2s
      timeout client 30s
      timeout server 30s
    frontend velt
      bind 127.0.0.1:${port} ssl crt ${folder}/cert.pem alpn ${isHttp2 ? 'h2,http/1.1' : 'http/1.1'}
      http-request set-header ${PROCESS} %pid
      default_backend emulator
    backend emulator
      server emulator ${new URL(upstream).host}
`,
  )
  const start = (...args) => startProcess(t, 'haproxy', ['-q', '-db', '-f', file, ...args], port)
  let haproxy = await start()
  return {
    baseUrl: `https://localhost:${port}`,
    /** Another process takes over the listening socket. The old one ends when its connections have ended. */
    async replace() {
      haproxy = await start('-x', socket, '-sf', haproxy.pid)
    },
    async kill() {
      haproxy.kill('SIGKILL')
      await once(haproxy, 'exit')
    },
    async start() {
      haproxy = await start()
    },
  }
}

/** Starts a program, and waits until it, or the process that it replaces, accepts connections. */
async function startProcess(t, program, args, port) {
  const server = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const end = once(server, 'exit')
  t.after(async () => {
    // Not SIGKILL: it would leave the workers of nginx.
    server.kill('SIGTERM')
    await end
  })
  while (!(await accepts(port))) {
    if (server.exitCode !== null) throw new Error(`${program} exited with code ${server.exitCode}`)
    await pause(5)
  }
  return server
}

async function accepts(port) {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

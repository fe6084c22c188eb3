// An npm registry on loopback: `npm publish` uploads packages to it, and `npm install` downloads them.

import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

/** @returns `url`; `addManifest(manifest)`, which adds a package without a tarball; `close()` */
export async function startRegistry() {
  const packages = new Map()
  const tarballs = new Map()

  function publish({ _attachments = {}, ...document }) {
    const versions = { ...packages.get(document.name)?.versions, ...document.versions }
    packages.set(document.name, { ...document, versions })
    for (const [file, { data }] of Object.entries(_attachments)) {
      tarballs.set(`/${document.name}/-/${file}`, Buffer.from(data, 'base64'))
    }
  }

  async function answer(request, response) {
    const path = decodeURIComponent(request.url)
    if (request.method === 'PUT') {
      publish(JSON.parse(await text(request)))
      return response.writeHead(201).end('{}')
    }
    const found = tarballs.get(path) ?? JSON.stringify(packages.get(path.slice(1)))
    response.writeHead(found ? 200 : 404).end(found ?? '{}')
  }

  const server = createServer(answer)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${server.address().port}`

  function addManifest({ name, version, ...manifest }) {
    const dist = { tarball: `${url}/${name}/-/none.tgz`, integrity: 'sha512-none' }
    const versions = { [version]: { name, version, ...manifest, dist } }
    publish({ name, 'dist-tags': { latest: version }, versions })
  }

  return { url, addManifest, close: () => server.close() }
}

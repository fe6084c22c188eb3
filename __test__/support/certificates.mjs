// Real X.509 certificates, created for each run, so that the repository has none that expire.

import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY = 24 * 60 * 60 * 1000

x509.cryptoProvider.set(webcrypto)

const newKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])

/** Creates a certificate authority. `issue` makes a key and a certificate for a server. */
export async function createAuthority(name = 'velt-auth test CA') {
  const keys = await newKeys()
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(new Date(Date.now() + DAY)),
    name: `CN=${name}`,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  })

  async function issue({ hosts = ['localhost'], notAfter = new Date(Date.now() + DAY) } = {}) {
    const { privateKey, publicKey } = await newKeys()
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity(notAfter),
      subject: `CN=${hosts[0]}`,
      issuer: root.subject,
      signingKey: keys.privateKey,
      publicKey,
      signingAlgorithm: ALGORITHM,
      extensions: [names(hosts)],
    })
    return await forServer(privateKey, certificate)
  }

  return { pem: root.toString('pem'), issue }
}

/** Creates a self-signed server certificate. */
export async function createSelfSigned(hosts = ['localhost']) {
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(new Date(Date.now() + DAY)),
    name: `CN=${hosts[0]}`,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [names(hosts)],
  })
  return await forServer(keys.privateKey, certificate)
}

function validity(notAfter) {
  return { notBefore: new Date(notAfter.getTime() - 2 * DAY), notAfter }
}

function names(hosts) {
  return new x509.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns', value })))
}

/** Options for `node:https`. */
async function forServer(privateKey, certificate) {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', privateKey)
  return {
    key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    cert: certificate.toString('pem'),
  }
}

// An app with @veltdev/react, which browser.test.mjs bundles with esbuild.

import { VeltProvider } from '@veltdev/react'
import { createElement, useMemo } from 'react'
import { createRoot } from 'react-dom/client'
import { createAuthProvider } from 'velt-auth/browser'

const USER = { userId: 'ada', organizationId: 'acme', email: 'ada@acme.example' }

function App() {
  const authProvider = useMemo(() => createAuthProvider({ user: USER }), [])
  return createElement(VeltProvider, { apiKey: 'emulator-api-key', authProvider })
}

createRoot(document.getElementById('root')).render(createElement(App))

'use client'

import { VeltProvider } from '@veltdev/react'
import { useMemo } from 'react'
import { createAuthProvider } from 'velt-auth/browser'

/** `cdnHost` is the host of Velt's SDK, if it is not Velt's own CDN. */
export function Velt({ apiKey, cdnHost, user: { userId, organizationId, email } }) {
  // Velt's SDK restarts with each new provider, so the provider is created once per user.
  const authProvider = useMemo(
    () => createAuthProvider({ user: { userId, organizationId, email } }),
    [userId, organizationId, email],
  )
  return (
    <VeltProvider
      apiKey={apiKey}
      authProvider={authProvider}
      config={{ proxyConfig: { cdnHost } }}
    />
  )
}

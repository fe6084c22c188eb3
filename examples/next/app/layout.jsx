export const metadata = { title: 'velt-auth with Next.js' }

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body style={{ font: '16px/1.5 system-ui', maxWidth: '46rem', margin: '3rem auto' }}>
        {children}
      </body>
    </html>
  )
}

package org.espalier.server.page;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import org.espalier.server.http.HttpListener;

/** A few files out of the module's own jar. Nothing else can be asked for. */
public final class Page {
  /** The page may load its own files and talk to its own server, and nothing else. */
  private static final Map<String, String> HEADERS =
      Map.of(
          "Content-Security-Policy",
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src"
              + " 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
          "X-Content-Type-Options",
          "nosniff",
          "Referrer-Policy",
          "no-referrer",
          "Cache-Control",
          "no-cache");

  private Page() {}

  /** Its paths, which need no key: the page asks for one itself. */
  public static List<HttpListener.Path> paths() {
    return List.of(
        file("/", "index.html", "text/html; charset=utf-8"),
        file("/page.css", "page.css", "text/css; charset=utf-8"),
        file("/page.js", "page.js", "text/javascript; charset=utf-8"),
        file("/stream.js", "stream.js", "text/javascript; charset=utf-8"),
        file("/tokens.js", "tokens.js", "text/javascript; charset=utf-8"),
        file("/experts.js", "experts.js", "text/javascript; charset=utf-8"),
        file("/favicon.svg", "favicon.svg", "image/svg+xml"));
  }

  private static HttpListener.Path file(String path, String name, String type) {
    byte[] bytes = read(name);
    return new HttpListener.Path(
        "GET", path, false, exchange -> exchange.send(200, type, bytes, HEADERS));
  }

  private static byte[] read(String name) {
    try (InputStream in = Page.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("the module lacks its resource " + name);
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

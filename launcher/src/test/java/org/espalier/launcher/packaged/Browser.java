package org.espalier.launcher.packaged;

import java.io.IOException;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.jr.ob.JSON;

/** A headless Chromium, driven through chromedriver's W3C WebDriver interface. */
final class Browser implements AutoCloseable {
  private static final Pattern PORT = Pattern.compile("started successfully on port (\\d+)");
  private static final String ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

  private final Process driver;
  private final String session;

  private Browser(Process driver, String session) {
    this.driver = driver;
    this.session = session;
  }

  /** Whether both programs are installed. */
  static boolean isInstalled() {
    return onPath("chromedriver") && (onPath("chromium") || onPath("google-chrome"));
  }

  private static boolean onPath(String program) {
    return Pattern.compile(java.io.File.pathSeparator)
        .splitAsStream(System.getenv().getOrDefault("PATH", ""))
        .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
  }

  /** Starts one whose window has a size. */
  static Browser start(Path folder, int width, int height) throws Exception {
    Path out = folder.resolve("chromedriver.out");
    Process driver =
        new ProcessBuilder("chromedriver", "--port=0")
            .redirectErrorStream(true)
            .redirectOutput(out.toFile())
            .start();
    try {
      String url = "http://127.0.0.1:" + port(driver, out);
      List<String> flags =
          List.of(
              "--headless=new",
              "--no-sandbox",
              "--disable-gpu",
              "--disable-dev-shm-usage",
              "--hide-scrollbars",
              "--window-size=" + width + "," + height);
      Map<?, ?> begun =
          (Map<?, ?>)
              call(
                  "POST",
                  url + "/session",
                  Map.of(
                      "capabilities",
                      Map.of(
                          "alwaysMatch",
                          Map.of(
                              "goog:loggingPrefs",
                              Map.of("browser", "ALL"),
                              "goog:chromeOptions",
                              Map.of("args", flags)))));
      return new Browser(driver, url + "/session/" + begun.get("sessionId"));
    } catch (IOException | RuntimeException e) {
      driver.destroy();
      throw e;
    }
  }

  private static String port(Process driver, Path out) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (System.nanoTime() < end && driver.isAlive()) {
      Matcher port = PORT.matcher(Files.readString(out));
      if (port.find()) {
        return port.group(1);
      }
      Thread.sleep(20);
    }
    throw new AssertionError("chromedriver does not start: " + Files.readString(out));
  }

  private static Object call(String method, String url, Object body) throws IOException {
    HttpURLConnection connection = (HttpURLConnection) URI.create(url).toURL().openConnection();
    connection.setRequestMethod(method);
    if (body != null) {
      connection.setDoOutput(true);
      connection.setRequestProperty("Content-Type", "application/json");
      try (OutputStream out = connection.getOutputStream()) {
        out.write(JSON.std.asBytes(body));
      }
    }
    int status = connection.getResponseCode();
    try (var in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
      String answer = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      if (status >= 400) {
        throw new AssertionError(method + " " + url + ": " + answer);
      }
      return JSON.std.mapFrom(answer).get("value");
    }
  }

  void open(String url) throws IOException {
    call("POST", session + "/url", Map.of("url", url));
  }

  /** What a function body gives, with {@code arguments} in it. */
  Object run(String script, Object... arguments) throws IOException {
    return call(
        "POST", session + "/execute/sync", Map.of("script", script, "args", List.of(arguments)));
  }

  /** Waits until an expression is true. */
  void await(String expression) throws IOException, InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
    while (!Boolean.TRUE.equals(run("return Boolean(" + expression + ")"))) {
      if (System.nanoTime() > end) {
        throw new AssertionError("never true: " + expression);
      }
      Thread.sleep(50);
    }
  }

  private String find(String selector) throws IOException {
    Map<?, ?> found =
        (Map<?, ?>)
            call("POST", session + "/element", Map.of("using", "css selector", "value", selector));
    return (String) found.get(ELEMENT);
  }

  /** Types into an element as a person does. */
  void type(String selector, String keys) throws IOException {
    call("POST", session + "/element/" + find(selector) + "/value", Map.of("text", keys));
  }

  void clear(String selector) throws IOException {
    call("POST", session + "/element/" + find(selector) + "/clear", Map.of());
  }

  void click(String selector) throws IOException {
    call("POST", session + "/element/" + find(selector) + "/click", Map.of());
  }

  /** Presses keys, one after another, wherever the focus is. */
  void press(String... keys) throws IOException {
    List<Map<String, Object>> actions =
        java.util.Arrays.stream(keys)
            .flatMap(key ->
                java.util.stream.Stream.of(
                    Map.<String, Object>of("type", "keyDown", "value", key),
                    Map.<String, Object>of("type", "keyUp", "value", key)))
            .toList();
    perform(Map.of("type", "key", "id", "keyboard", "actions", actions));
  }

  /** Moves the pointer over the middle of an element. */
  void pointAt(String selector) throws IOException {
    Map<String, Object> origin = Map.of(ELEMENT, find(selector));
    perform(
        Map.of(
            "type",
            "pointer",
            "id",
            "mouse",
            "parameters",
            Map.of("pointerType", "mouse"),
            "actions",
            List.of(
                Map.of("type", "pointerMove", "duration", 0, "origin", origin, "x", 0, "y", 0))));
  }

  private void perform(Map<String, Object> source) throws IOException {
    call("POST", session + "/actions", Map.of("actions", List.of(source)));
  }

  /** Whether the user prefers {@code "light"} or {@code "dark"}. */
  void prefer(String scheme) throws IOException {
    call(
        "POST",
        session + "/goog/cdp/execute",
        Map.of(
            "cmd",
            "Emulation.setEmulatedMedia",
            "params",
            Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme)))));
  }

  /** Shows the page in so many CSS pixels, fewer than a window can have. */
  void resize(int width, int height) throws IOException {
    call(
        "POST",
        session + "/goog/cdp/execute",
        Map.of(
            "cmd",
            "Emulation.setDeviceMetricsOverride",
            "params",
            Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false)));
  }

  void screenshot(Path file) throws IOException {
    String encoded = (String) call("GET", session + "/screenshot", null);
    Files.write(file, Base64.getDecoder().decode(encoded));
  }

  /** What the browser had to complain of since the last time. */
  List<?> complaints() throws IOException {
    return (List<?>) call("POST", session + "/se/log", Map.of("type", "browser"));
  }

  @Override
  public void close() throws IOException {
    try {
      call("DELETE", session, null);
    } finally {
      driver.destroy();
    }
  }
}

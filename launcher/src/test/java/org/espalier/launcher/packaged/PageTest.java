package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The page, in a headless Chromium. Skipped where there is none. */
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PageTest {
  private static final String CONTROL = "\uE009";
  private static final String ENTER = "\uE007";
  private static final String ESCAPE = "\uE00C";
  private static final String LEFT = "\uE012";
  private static final String RIGHT = "\uE014";
  private static final String DOWN = "\uE015";
  private static final String TOKENS = "document.querySelectorAll('.token').length";

  private static final Path SCREENSHOTS = Path.of("target", "screenshots");

  private Served server;
  private Browser browser;

  @BeforeAll
  void start(@TempDir Path folder) throws Exception {
    Needed.require(Browser.isInstalled(), "chromium and chromedriver are not installed");
    server = Served.start();
    browser = Browser.start(folder, 1200, 800);
    Files.createDirectories(SCREENSHOTS);
  }

  @AfterAll
  void stop() throws IOException {
    if (browser != null) {
      browser.close();
    }
    if (server != null) {
      server.close();
    }
  }

  @BeforeEach
  void open() throws Exception {
    browser.prefer("light");
    browser.open(server.url() + "/");
    browser.await("document.title.startsWith('tiny-tales-qtip')");
    browser.complaints();
  }

  @AfterEach
  void nothingWentWrongUnseen() throws IOException {
    assertEquals(List.of(), browser.complaints());
    Object foreign =
        browser.run(
            "return performance.getEntriesByType('resource').map(e => e.name)"
                + ".filter(name => !name.startsWith(location.origin + '/'))");
    assertEquals(List.of(), foreign);
  }

  private void generate(String prompt, int length) throws Exception {
    browser.clear("#prompt");
    browser.type("#prompt", prompt);
    browser.clear("#knob-max_tokens");
    browser.type("#knob-max_tokens", Integer.toString(length));
    browser.clear("#knob-seed");
    browser.type("#knob-seed", "7");
    browser.type("#prompt", CONTROL + ENTER);
    browser.await(TOKENS + " > 0 && document.getElementById('stop').disabled");
  }

  private String text(String id) throws IOException {
    return (String) browser.run("return document.getElementById(arguments[0]).textContent", id);
  }

  @Test
  void showsTheTextTokenByToken() throws Exception {
    generate("Once upon a time", 40);
    assertEquals("stopped at the length asked for", text("status"));
    assertEquals(44, browser.run("return " + TOKENS));
    assertEquals(4, browser.run("return document.querySelectorAll('.token.of-prompt').length"));
    assertTrue(text("tokens").startsWith("Once upon a time"), text("tokens"));
    assertTrue(text("speed").matches("4 \\+ 40 tokens · [0-9.]+ tokens/s"), text("speed"));
    browser.click("#continue");
    browser.await(TOKENS + " == 84 && document.getElementById('stop').disabled");
  }

  @Test
  void aTokenShowsWhatElseCouldHaveStoodThere() throws Exception {
    generate("Once upon a time", 40);
    browser.pointAt(".token[data-index='10']");
    browser.await("!document.getElementById('tip').hidden");
    assertTrue(text("tip").matches("(?s).*\\d %.*"), text("tip"));
    long rows =
        ((Number) browser.run("return document.querySelectorAll('#tip .row').length")).longValue();
    assertTrue(rows == 5 || rows == 6, "alternatives: " + rows); // and itself, if it is not one
    assertTrue(text("cell").startsWith("Strongest expert of each layer: "), text("cell"));
    browser.screenshot(SCREENSHOTS.resolve("page-light.png"));
  }

  @Test
  void everythingCanBeDoneByKeys() throws Exception {
    generate("Once upon a time", 30);
    browser.run("document.getElementById('tokens').focus()");
    browser.press(LEFT);
    assertEquals("33", chosen());
    assertEquals("The last token drawn has not passed through the model.", text("cell"));
    browser.press(LEFT, LEFT, RIGHT);
    assertEquals("32", chosen());
    assertTrue(text("cell").startsWith("Strongest expert"), text("cell"));
    browser.press(ESCAPE);
    browser.await("document.getElementById('tip').hidden");
    browser.run("document.getElementById('grid').focus()");
    browser.press(RIGHT, RIGHT, DOWN);
    assertTrue(
        text("cell").matches("Layer 1, expert 1: used by \\d+ of 33 tokens .*"), text("cell"));
    int used = Integer.parseInt(text("cell").replaceAll(".*used by (\\d+) of.*", "$1"));
    assertEquals(used, browser.run("return document.querySelectorAll('.token.uses').length"));
  }

  private Object chosen() throws IOException {
    return browser.run("return document.querySelector('.token.chosen').dataset.index");
  }

  @Test
  void worksInTheDark() throws Exception {
    String background = "return getComputedStyle(document.body.parentElement).backgroundColor";
    Object light = browser.run(background);
    String grid = "return document.getElementById('grid').toDataURL()";
    Object lightGrid = browser.run(grid);
    browser.prefer("dark");
    assertNotEquals(light, browser.run(background));
    Object darkGrid = browser.run(grid);
    assertNotEquals(lightGrid, darkGrid);
    browser.run("location.reload()");
    browser.await("document.title.startsWith('tiny-tales-qtip')");
    assertEquals(darkGrid, browser.run(grid), "the grid changes with the page");
    generate("The king had three sons, and the youngest", 100);
    browser.click("input[value=all]");
    browser.run("document.getElementById('grid').focus()");
    browser.press(RIGHT, RIGHT, RIGHT, DOWN);
    browser.screenshot(SCREENSHOTS.resolve("page-dark.png"));
  }

  @Test
  void fitsASmallScreen() throws Exception {
    try {
      browser.resize(390, 800);
      generate("The king had three sons, and the youngest", 60);
      assertEquals(
          true,
          browser.run(
              "return document.documentElement.scrollWidth"
                  + " <= document.documentElement.clientWidth"));
      browser.screenshot(SCREENSHOTS.resolve("page-narrow.png"));
    } finally {
      browser.resize(1200, 800);
    }
  }

  @Test
  void escapeStops() throws Exception {
    browser.clear("#knob-max_tokens");
    browser.type("#knob-max_tokens", "450");
    // From within the page: on a busy machine a key from outside might come after the end.
    browser.run(
        "new MutationObserver((_, observer) => { if ("
            + TOKENS
            + " > 6) { observer.disconnect(); document.dispatchEvent(new KeyboardEvent('keydown',"
            + " {key: 'Escape'})); } }).observe(document.getElementById('tokens'),"
            + " {childList: true})");
    browser.click("#generate");
    browser.await("document.getElementById('status').textContent == 'stopped'");
    while (server.metric("texts_active") > 0) {
      Thread.sleep(20);
    }
  }

  @Test
  void saysWhatTheServerRefuses() throws Exception {
    browser.clear("#knob-temperature");
    browser.type("#knob-temperature", "-1");
    browser.click("#generate");
    browser.await("document.getElementById('status').classList.contains('error')");
    assertTrue(text("status").contains("'temperature' must be"), text("status"));
    assertTrue(browser.complaints().toString().contains("400")); // which a browser always tells
  }

  @Test
  void asksForTheKeyWhereThereIsOne() throws Exception {
    try (Served closed = Served.start("--api-key", "s3cret")) {
      browser.open(closed.url() + "/");
      browser.await("!document.getElementById('key-form').hidden");
      browser.type("#key", "s3cret" + ENTER);
      browser.await("document.title.startsWith('tiny-tales-qtip')");
      generate("A wolf", 5);
      assertEquals("stopped at the length asked for", text("status"));
      assertTrue(browser.complaints().toString().contains("401"));
    }
  }
}

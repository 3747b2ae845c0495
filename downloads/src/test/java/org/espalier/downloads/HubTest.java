package org.espalier.downloads;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedData;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class HubTest {
  private static final Patience SHORT =
      new Patience(4, Duration.ofMillis(5), Duration.ofSeconds(2), Duration.ofMillis(1500));
  private static final ModelName MODEL = ModelName.parse(FakeHub.REPOSITORY);

  private final byte[] content = new byte[700_001];
  private final List<String> notices = new ArrayList<>();
  private final DownloadListener listener =
      new DownloadListener() {
        @Override
        public void notice(String sentence) {
          notices.add(sentence);
        }
      };

  @TempDir private Path folder;
  private FakeHub hub;

  @BeforeEach
  void start() throws IOException {
    new Random(7).nextBytes(content);
    hub = new FakeHub().with("model.gguf", content);
  }

  @AfterEach
  void stop() {
    hub.close();
  }

  private HubSettings settings() {
    return new HubSettings(hub.address(), Optional.empty(), folder, false, SHORT);
  }

  private Path fetch() {
    return fetch(MODEL);
  }

  private Path fetch(ModelName name) {
    return new Hub(settings()).fetch(name, Wanted.MODEL_FILE, listener);
  }

  private void assertFetched() throws IOException {
    assertArrayEquals(content, Files.readAllBytes(fetch()));
    assertEquals(List.of(), left(), "nothing unfinished is left");
  }

  private List<String> left() throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.map(path -> path.getFileName().toString())
          .filter(name -> name.endsWith(".part"))
          .toList();
    }
  }

  private int parts() {
    return hub.requestsFor("/resolve/").size();
  }

  @Test
  void runsOnTheModulePath() {
    assertTrue(Hub.class.getModule().isNamed());
  }

  @Test
  void aModelIsFetchedOnce() throws Exception {
    assertFetched();
    assertFetched();
    assertEquals(1, parts());
    assertEquals(2, hub.requestsFor("/api/").size(), "asked for news");
    assertEquals(List.of(), notices);
  }

  @Test
  void whatTheHubReplacesIsFetchedAgain() throws Exception {
    Path path = fetch();
    byte[] other = "another".getBytes(StandardCharsets.UTF_8);
    hub.with("model.gguf", other);
    assertEquals(path, fetch());
    assertArrayEquals(other, Files.readAllBytes(path));
  }

  @Test
  void aFileThatLostItsTailIsFetchedAgain() throws Exception {
    Files.write(fetch(), new byte[3]);
    assertFetched();
  }

  @Test
  void aCutConnectionIsTakenUpWhereItEnded() throws Exception {
    hub.misbehaving(FakeHub.cutAfter(300_000), FakeHub.cutAfter(1), FakeHub.cutAfter(200_000));
    assertFetched();
    assertEquals(4, parts());
    assertTrue(hub.requests.getLast().contains("range=bytes="), hub.requests.toString());
  }

  @Test
  void anInterruptedDownloadGoesOnLater() throws Exception {
    hub.misbehaving(FakeHub.cutAfter(300_000));
    RuntimeException stop = new IllegalStateException("Ctrl-C");
    DownloadListener impatient =
        new DownloadListener() {
          @Override
          public void progress(Step step, String file, long done, long total) {
            if (done > 100_000) {
              throw stop;
            }
          }
        };
    Hub first = new Hub(settings());
    assertEquals(
        stop,
        assertThrows(
            IllegalStateException.class, () -> first.fetch(MODEL, Wanted.MODEL_FILE, impatient)));
    assertEquals(1, left().size());
    assertFetched();
    assertTrue(hub.requests.getLast().contains("range=bytes="), hub.requests.toString());
  }

  @Test
  void ignoredRangesBeginAfresh() throws Exception {
    hub.misbehaving(FakeHub.cutAfter(300_000), FakeHub::whole);
    assertFetched();
    assertEquals(2, parts());
  }

  @Test
  void whoAlwaysCutsIsGivenUp() throws Exception {
    for (int i = 0; i < 20; i++) {
      // without ranges nothing is ever gained
      hub.misbehaving((exchange, all) -> {
        exchange.sendResponseHeaders(200, all.length);
        exchange.getResponseBody().write(all, 0, 1000);
        exchange.getResponseBody().flush();
      });
    }
    DeviceFailure failure = assertThrows(DeviceFailure.class, this::fetch);
    assertTrue(failure.getMessage().contains("goes on from there"), failure.getMessage());
    assertTrue(
        parts() <= 6, "what was gained once, of which the client may lose some, counts once");
  }

  @Test
  void aWrongSizeIsRefused() {
    for (int i = 0; i < 4; i++) {
      hub.misbehaving((exchange, all) -> {
        exchange.sendResponseHeaders(200, 5);
        exchange.getResponseBody().write(all, 0, 5);
      });
    }
    DeviceFailure failure = assertThrows(DeviceFailure.class, this::fetch);
    assertTrue(
        failure.getMessage().contains("offers 5 bytes of model.gguf where 700001 are missing"),
        failure.getMessage());
  }

  @Test
  void moreBytesThanAnnouncedAreNotKept() throws Exception {
    for (int i = 0; i < 4; i++) {
      hub.misbehaving((exchange, all) -> {
        exchange.sendResponseHeaders(200, 0); // in chunks, so of no stated length
        exchange.getResponseBody().write(all);
        exchange.getResponseBody().write(1);
      });
    }
    DeviceFailure failure = assertThrows(DeviceFailure.class, this::fetch);
    assertTrue(failure.getMessage().contains("more than the 700001 bytes"), failure.getMessage());
    assertFetched();
  }

  @Test
  void fewerBytesWithoutALengthGoOn() throws Exception {
    hub.misbehaving((exchange, all) -> {
      exchange.sendResponseHeaders(200, 0);
      exchange.getResponseBody().write(all, 0, 1000);
    });
    assertFetched();
    assertTrue(hub.requests.getLast().contains("range=bytes=1000-"), hub.requests.toString());
  }

  @Test
  void anotherPartThanAskedForIsNotTaken() throws Exception {
    hub.misbehaving(
        FakeHub.cutAfter(1000),
        (exchange, all) -> {
          exchange.getResponseHeaders().add("Content-Range", "bytes 7-700000/700001");
          exchange.sendResponseHeaders(206, all.length - 7);
          exchange.getResponseBody().write(all, 7, all.length - 7);
        });
    assertFetched();
  }

  @Test
  void wrongBytesAreThrownAway() throws Exception {
    byte[] wrong = content.clone();
    wrong[350_000] ^= 1;
    hub.misbehaving((exchange, _) -> FakeHub.ranged(exchange, wrong));
    MalformedData failure = assertThrows(MalformedData.class, this::fetch);
    assertTrue(failure.getMessage().contains("SHA-256"), failure.getMessage());
    assertEquals(List.of(), left());
    assertFetched();
  }

  @Test
  void aSpoiltPartIsReplacedOnce() throws Exception {
    byte[] wrong = content.clone();
    wrong[5] ^= 1;
    hub.misbehaving((exchange, _) -> FakeHub.cutAfter(300_000).answer(exchange, wrong));
    assertFetched();
    assertTrue(notices.getFirst().contains("once more"), notices.toString());
  }

  @Test
  void aSilentServerIsLeft() throws Exception {
    CountDownLatch over = new CountDownLatch(1);
    hub.misbehaving((exchange, all) -> {
      exchange.sendResponseHeaders(200, all.length);
      exchange.getResponseBody().write(all, 0, 1000);
      exchange.getResponseBody().flush();
      over.await();
    });
    try {
      assertFetched();
    } finally {
      over.countDown();
    }
    assertEquals(2, parts());
  }

  @Test
  void redirectsAreFollowedWithoutTheToken() throws Exception {
    try (FakeHub storage = new FakeHub().with("model.gguf", content)) {
      String place =
          storage.address()
              + "/"
              + FakeHub.REPOSITORY
              + "/resolve/"
              + FakeHub.COMMIT
              + "/model.gguf";
      hub.misbehaving(
          FakeHub.status(
              302,
              "Location",
              "/%s/resolve/%s/model.gguf".formatted(FakeHub.REPOSITORY, FakeHub.COMMIT)),
          FakeHub.status(307, "Location", place));
      HubSettings settings =
          new HubSettings(hub.address(), Optional.of("hf_secret"), folder, false, SHORT);
      Path file = new Hub(settings).fetch(MODEL, Wanted.MODEL_FILE, listener);
      assertArrayEquals(content, Files.readAllBytes(file));
      assertEquals(3, hub.requestsFor("token=Bearer hf_secret").size(), hub.requests.toString());
      assertEquals(1, storage.requests.size());
      assertTrue(storage.requests.getFirst().endsWith("token=null"), storage.requests.toString());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "gopher:x"})
  void redirectsToElsewhereAreRefused(String place) {
    hub.misbehaving(FakeHub.status(302, "Location", place));
    EspalierException failure = assertThrows(EspalierException.class, this::fetch);
    assertTrue(failure.getMessage().contains("redirects to"), failure.getMessage());
  }

  @Test
  void redirectsInCirclesEnd() {
    for (int i = 0; i < 100; i++) {
      hub.misbehaving(FakeHub.status(302, "Location", "model.gguf"));
    }
    DeviceFailure failure = assertThrows(DeviceFailure.class, this::fetch);
    assertTrue(failure.getMessage().contains("in circles"), failure.getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "401, put an access token into HF_TOKEN",
    "403, put an access token into HF_TOKEN",
    "404, has no model.gguf (HTTP 404)",
    "418, answers with HTTP 418"
  })
  void refusalsAreToldAtOnce(int status, String expected) {
    hub.misbehaving(FakeHub.status(status));
    EspalierException failure = assertThrows(EspalierException.class, this::fetch);
    assertTrue(failure.getMessage().contains(expected), failure.getMessage());
    assertEquals(1, parts());
  }

  @Test
  void aTokenThatDoesNotHelpIsNamedButNotShown() {
    hub.misbehaving(FakeHub.status(403));
    HubSettings settings =
        new HubSettings(hub.address(), Optional.of("hf_secret"), folder, false, SHORT);
    InvalidRequest failure =
        assertThrows(
            InvalidRequest.class,
            () -> new Hub(settings).fetch(MODEL, Wanted.MODEL_FILE, listener));
    assertTrue(failure.getMessage().contains("the token in HF_TOKEN"), failure.getMessage());
    assertFalse((failure.getMessage() + settings).contains("hf_secret"));
  }

  @Test
  void unknownModelsAreNamed() {
    InvalidRequest failure =
        assertThrows(InvalidRequest.class, () -> fetch(ModelName.parse("some/other")));
    assertTrue(failure.getMessage().contains("has no some/other"), failure.getMessage());
  }

  @Test
  void aBusyServerIsWaitedFor() throws Exception {
    hub.misbehaving(FakeHub.status(429, "Retry-After", "1"), FakeHub.status(503));
    long started = System.nanoTime();
    assertFetched();
    assertTrue(System.nanoTime() - started > 900_000_000L, "as long as it asked");
  }

  @Test
  void whoAsksForTooMuchPatienceIsNotWaitedFor() {
    hub.misbehaving(FakeHub.status(429, "Retry-After", "86400"));
    DeviceFailure failure = assertThrows(DeviceFailure.class, this::fetch);
    assertTrue(failure.getMessage().contains("asks to wait 86400 s"), failure.getMessage());
    assertEquals(1, parts());
  }

  @Test
  void offlineOnlyTheCacheIsAsked() throws Exception {
    Hub offline = new Hub(settings().withoutNetwork());
    InvalidRequest failure =
        assertThrows(InvalidRequest.class, () -> offline.fetch(MODEL, Wanted.MODEL_FILE, listener));
    assertTrue(failure.getMessage().contains("is not in the cache"), failure.getMessage());
    Path path = fetch();
    int asked = hub.requests.size();
    assertEquals(path, offline.fetch(MODEL, Wanted.MODEL_FILE, listener));
    assertEquals(asked, hub.requests.size());
    assertThrows(
        InvalidRequest.class,
        () -> offline.fetch(MODEL.withFile("other.gguf"), Wanted.MODEL_FILE, listener));
  }

  @Test
  void withoutANetworkTheCacheWillDo() throws Exception {
    Path path = fetch();
    HubSettings nowhere =
        new HubSettings(URI.create("http://127.0.0.1:1"), Optional.empty(), folder, false, SHORT);
    assertEquals(path, new Hub(nowhere).fetch(MODEL, Wanted.MODEL_FILE, listener));
    assertTrue(notices.getFirst().contains("cannot be reached"), notices.toString());
    DeviceFailure failure =
        assertThrows(
            DeviceFailure.class,
            () -> new Hub(nowhere).fetch(ModelName.parse("a/b"), Wanted.MODEL_FILE, listener));
    assertTrue(failure.getMessage().contains("no copy of a/b"), failure.getMessage());
  }

  @Test
  void aDiskThatIsTooSmallIsToldFirst() throws Exception {
    hub.listing =
        "{\"sha\":\"%s\",\"siblings\":[%s]}"
            .formatted(
                FakeHub.COMMIT,
                FakeHub.sibling("model.gguf", Long.MAX_VALUE - 1, FakeHub.sha256(content)));
    DeviceFailure failure = assertThrows(DeviceFailure.class, this::fetch);
    assertTrue(failure.getMessage().contains("are to be downloaded"), failure.getMessage());
    assertEquals(0, parts());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../../evil.gguf",
        "/evil.gguf",
        "a/../../evil.gguf",
        "..\\\\evil.gguf",
        "C:evil.gguf",
        ".index.json",
        "a//evil.gguf",
        "evil\\u0000.gguf",
        "a/.hidden.gguf"
      })
  void hostileNamesAreNotThere(String name) throws Exception {
    hub.listing =
        "{\"sha\":\"%s\",\"siblings\":[%s]}"
            .formatted(FakeHub.COMMIT, FakeHub.sibling(name, 5, FakeHub.sha256(content)));
    InvalidRequest failure = assertThrows(InvalidRequest.class, this::fetch);
    assertTrue(failure.getMessage().contains("has neither a GGUF"), failure.getMessage());
    assertEquals(0, parts());
    try (Stream<Path> all = Files.walk(folder)) {
      assertEquals(List.of(folder), all.toList());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "model",
        "a/b/c",
        "../b",
        "a/..",
        "a/b..c",
        "a/b:../c",
        "a/b:",
        "a/b:/etc/passwd",
        "-a/b",
        "a/b?c",
        "https://example.com/a"
      })
  void hostileArgumentsAreRefused(String name) {
    assertThrows(InvalidRequest.class, () -> ModelName.parse(name));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "nonsense",
        "[]",
        "{}",
        "{\"sha\":\"../x\",\"siblings\":[]}",
        "{\"sha\":\"0123456789\",\"siblings\":7}"
      })
  void answersThatCannotBeUnderstoodAreToldSo(String answer) {
    hub.listing = answer.isEmpty() ? " " : answer;
    MalformedData failure = assertThrows(MalformedData.class, this::fetch);
    assertTrue(failure.getMessage().contains("cannot be understood"), failure.getMessage());
  }

  @Test
  void oneOfSeveralIsNamedByAPartOfItsName() throws Exception {
    byte[] other = "other".getBytes(StandardCharsets.UTF_8);
    hub.with("sub folder/olmoe-Q4_K_M.gguf", other);
    InvalidRequest several = assertThrows(InvalidRequest.class, this::fetch);
    assertTrue(several.getMessage().contains("model.gguf, sub folder/olmoe-Q4_K_M.gguf"));
    Path path = fetch(MODEL.withFile("q4_k_m"));
    assertArrayEquals(other, Files.readAllBytes(path));
    assertTrue(path.endsWith("sub folder/olmoe-Q4_K_M.gguf"), path.toString());
    InvalidRequest none = assertThrows(InvalidRequest.class, () -> fetch(MODEL.withFile("Q9")));
    assertTrue(none.getMessage().contains("no file like 'Q9'"), none.getMessage());
  }

  @Test
  void aCheckpointIsAFolder() throws Exception {
    hub.with("config.json", "{}".getBytes(StandardCharsets.UTF_8))
        .with("model.safetensors", new byte[999])
        .with("README.md", new byte[9]);
    Path checkpoint = new Hub(settings()).fetch(MODEL, Wanted.CHECKPOINT, listener);
    assertEquals("{}", Files.readString(checkpoint.resolve("config.json")));
    assertEquals(999, Files.size(checkpoint.resolve("model.safetensors")));
    assertFalse(Files.exists(checkpoint.resolve("README.md")));
    assertFalse(Files.exists(checkpoint.resolve("model.gguf")));
    assertEquals(
        checkpoint, new Hub(settings().withoutNetwork()).fetch(MODEL, Wanted.CHECKPOINT, listener));
  }

  @Test
  void theCacheListsVerifiesAndRemoves() throws Exception {
    Path path = fetch();
    ModelCache cache = new Hub(settings()).cache();
    CachedFile file = cache.list().getFirst();
    assertEquals(FakeHub.REPOSITORY, file.repository());
    assertEquals(path, file.path());
    assertEquals("SHA-256 " + FakeHub.sha256(content), file.checksum());
    assertTrue(cache.verify(file, listener));
    byte[] spoilt = content.clone();
    spoilt[9] ^= 4;
    Files.write(path, spoilt);
    assertFalse(cache.verify(file, listener));
    assertEquals(1, cache.remove(MODEL, listener).size());
    assertEquals(List.of(), cache.list());
    assertFalse(Files.exists(path.getParent()));
    assertThrows(InvalidRequest.class, () -> cache.remove(MODEL, listener));
  }

  @Test
  void whatAnInterruptionLeftIsListedAndRemoved() throws Exception {
    hub.misbehaving(FakeHub.cutAfter(1000), FakeHub.status(404));
    assertThrows(InvalidRequest.class, this::fetch);
    ModelCache cache = new Hub(settings()).cache();
    assertFalse(cache.list().getFirst().complete());
    assertEquals(1000, cache.list().getFirst().size());
    cache.remove(MODEL, listener);
    assertEquals(List.of(), cache.list());
  }

  @Test
  void severalAtOnceFetchOnce() throws Exception {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Path>> paths = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        paths.add(threads.submit(() -> fetch()));
      }
      for (Future<Path> path : paths) {
        assertArrayEquals(content, Files.readAllBytes(path.get()));
      }
    }
    assertEquals(1, parts());
  }
}

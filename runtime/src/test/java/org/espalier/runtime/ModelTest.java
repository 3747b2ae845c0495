package org.espalier.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.runtime.loading.FakeBackend;
import org.espalier.runtime.loading.MemoryArtifact;
import org.espalier.runtime.loading.MemoryFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ModelTest {
  private static final int CONTEXT = 32;

  private final List<String> log = new ArrayList<>();
  private final List<String> notices = new ArrayList<>();
  private final FakeBackend backend = new FakeBackend("fake", 1, log);
  private final MemoryArtifact artifact =
      new MemoryArtifact()
          .text("general.architecture", "bag of words")
          .text("tokenizer.ggml.model", "gpt2")
          .text("tokenizer.ggml.pre", "olmo")
          .texts("tokenizer.ggml.tokens", List.of("a", "b", "ab", "<|endoftext|>"))
          .texts("tokenizer.ggml.merges", List.of("a b"))
          .tensor("embedding.weight", MemoryArtifact.PLAIN, 4 * 3 * 4, 4L, 3L);

  @TempDir Path path;

  /** A model that consists of an embedding. */
  private static final class BagOfWords implements Architecture {
    @Override
    public String id() {
      return "bag";
    }

    @Override
    public Offer<ModelPlan> plan(ModelArtifact artifact, Binder binder) {
      String found = artifact.metadata().text("general.architecture").orElse("nothing");
      if (!found.equals("bag of words")) {
        return Offer.declined("it is " + found);
      }
      Stage embedding =
          new Stage.Embedding(
              binder.bind(
                  new OperatorId(-1, Role.EMBEDDING), "embedding", new LinearShape(1, 4, 3)));
      return Offer.accepted(new ModelPlan("bag", 3, 4, CONTEXT, List.of(embedding)));
    }
  }

  @Test
  void opensFileTokenizerAndPlan() {
    try (Model model = open(options(Precision.FAST, 8))) {
      assertEquals(4, model.plan().vocabulary());
      assertEquals(model.plan(), model.executable().plan());
      assertArrayEquals(new int[] {2, 0}, model.tokenizer().encode("aba", false));
      assertEquals("gpt2", model.metadata().text("tokenizer.ggml.model").orElseThrow());
      assertEquals(artifact.path(), model.artifact().path());
      assertEquals(new BackendId("fake"), model.backend());
      assertEquals("an abacus", model.device());
      assertEquals(List.of(), model.declinedBackends());
      assertEquals(8, model.batch());
      assertEquals(8, backend.compiledWith.maximumRows());
      assertEquals(Precision.FAST, backend.compiledWith.precision());
      assertFalse(model.loadTime().isNegative());
      assertEquals(0, artifact.closed);
    }
    assertEquals(
        List.of("open fake", "compile fake", "close executable of fake", "close fake"), log);
    assertEquals(1, artifact.closed);
  }

  @Test
  void closingTwiceClosesOnce() {
    Model model = open(options(Precision.FAST, 8));
    model.close();
    model.close();
    assertEquals(1, artifact.closed);
    assertEquals(4, log.size());
  }

  @Test
  void batchesAreNoLongerThanTheContext() {
    try (Model model = open(options(Precision.EXACT, 512))) {
      assertEquals(CONTEXT, model.batch());
      assertEquals(CONTEXT, backend.compiledWith.maximumRows());
    }
  }

  @Test
  void overridesReachTheArchitectureAndTheTokenizer() {
    ModelOptions odd = overriding(Map.of("general.architecture", new MetadataValue.Text("a poem")));
    Unsupported failure = assertThrows(Unsupported.class, () -> open(odd));
    assertTrue(failure.getMessage().contains("'a poem'"), failure.getMessage());
    assertEquals(1, artifact.closed);
    artifact.text("general.architecture", "gothic");
    ModelOptions mended =
        overriding(
            Map.of(
                "general.architecture",
                new MetadataValue.Text("bag of words"),
                "tokenizer.ggml.merges",
                new MetadataValue.Texts(List.of())));
    try (Model model = open(mended)) {
      assertEquals("bag of words", model.metadata().text("general.architecture").orElseThrow());
      assertArrayEquals(new int[] {0, 1}, model.tokenizer().encode("ab", false));
    }
  }

  @Test
  void nothingLeaksWhenAStepFails() {
    failsAndCloses(
        Unsupported.class,
        overriding(Map.of("general.architecture", new MetadataValue.Text("gothic"))));
    failsAndCloses(
        MalformedModel.class,
        overriding(Map.of("general.architecture", new MetadataValue.Flag(true))));
    failsAndCloses(
        EspalierException.class,
        overriding(Map.of("tokenizer.ggml.model", new MetadataValue.Text("morse"))));
    assertEquals(List.of(), log, "no backend was started in vain");
    backend.compiling = plan -> Offer.declined("needs more beads");
    failsAndCloses(Unsupported.class, options(Precision.FAST, 8));
    assertEquals(List.of("open fake", "compile fake", "close fake"), log);
    artifact.tensor("embedding.weight", MemoryArtifact.PLAIN, 8, 1L, 2L);
    failsAndCloses(MalformedModel.class, options(Precision.FAST, 8));
  }

  private void failsAndCloses(Class<? extends EspalierException> failure, ModelOptions options) {
    int before = artifact.closed;
    assertThrows(failure, () -> open(options));
    assertEquals(before + 1, artifact.closed);
  }

  @Test
  void sessionsGetTheCacheOfThePrecision() {
    assertEquals(new SessionOptions(CONTEXT, ElementType.F16), session(Precision.FAST, 0));
    assertEquals(new SessionOptions(CONTEXT, ElementType.F32), session(Precision.EXACT, 0));
    assertEquals(new SessionOptions(7, ElementType.F16), session(Precision.FAST, 7));
    assertEquals(new SessionOptions(CONTEXT, ElementType.F16), session(Precision.FAST, CONTEXT));
    assertEquals(List.of(), contextNotices());
    assertEquals(new SessionOptions(100, ElementType.F16), session(Precision.FAST, 100));
    assertEquals(1, contextNotices().size());
    assertTrue(contextNotices().getFirst().contains("32"), contextNotices().getFirst());
    try (Model model = open(options(Precision.FAST, 8))) {
      assertThrows(InvalidRequest.class, () -> model.newSession(-1));
    }
  }

  private SessionOptions session(Precision precision, int contextLength) {
    try (Model model = open(options(precision, 8))) {
      assertThrows(
          UnsupportedOperationException.class, () -> model.newSession(contextLength).close());
      return backend.openedWith;
    }
  }

  private List<String> contextNotices() {
    return notices.stream().filter(notice -> notice.contains("context")).toList();
  }

  @Test
  void metadataAloneNeedNoTensors() {
    MemoryArtifact bare = new MemoryArtifact().text("general.name", "bare");
    Providers formats =
        new Providers(
            List.of(new MemoryFormat("memory", file -> Offer.accepted(bare))),
            List.of(),
            List.of(),
            List.of());
    assertEquals("bare", Model.metadata(path, formats).text("general.name").orElseThrow());
    assertEquals(1, bare.closed);
  }

  @Test
  void optionsThatMakeNoSenseAreRefused() {
    assertThrows(InvalidRequest.class, () -> options(Precision.FAST, 0));
    assertThrows(InvalidRequest.class, () -> ModelOptions.of(0));
    ModelOptions good = ModelOptions.of(1);
    assertThrows(InvalidRequest.class, () -> good.withThreads(-1));
    assertThrows(InvalidRequest.class, () -> good.withThreads(100_000));
    assertEquals(1, good.threads());
  }

  private Model open(ModelOptions options) {
    Providers providers =
        new Providers(
            List.of(new MemoryFormat("memory", file -> Offer.accepted(artifact))),
            List.of(),
            List.of(new BagOfWords()),
            List.of(backend));
    return Model.open(path, providers, options, notices::add);
  }

  private static ModelOptions options(Precision precision, int batch) {
    return options(precision, batch, Map.of());
  }

  private static ModelOptions overriding(Map<String, MetadataValue> overrides) {
    return options(Precision.FAST, 8, overrides);
  }

  private static ModelOptions options(
      Precision precision, int batch, Map<String, MetadataValue> overrides) {
    return ModelOptions.of(1).withPrecision(precision).withBatch(batch).withOverrides(overrides);
  }
}

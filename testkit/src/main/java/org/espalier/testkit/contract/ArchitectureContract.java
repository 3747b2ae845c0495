package org.espalier.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.Precision;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelPlan;
import org.espalier.testkit.fixture.DenseBinder;
import org.espalier.testkit.fixture.MemoryArtifact;
import org.espalier.testkit.fixture.PlanFixtures;
import org.espalier.testkit.reference.ReferenceBackend;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * What every architecture must hold to: it draws up plans whose shapes fit together, from its own
 * models only, and says what is missing.
 */
public abstract class ArchitectureContract {
  /** Values that make sense for hardly any key. */
  private static final List<MetadataValue> NONSENSE =
      List.of(
          new MetadataValue.Text("nonsense"),
          new MetadataValue.Whole(MetadataValue.WholeType.INT64, 0),
          new MetadataValue.Whole(MetadataValue.WholeType.INT64, -1),
          new MetadataValue.Whole(MetadataValue.WholeType.INT64, Integer.MAX_VALUE),
          new MetadataValue.Whole(MetadataValue.WholeType.INT64, Long.MAX_VALUE),
          new MetadataValue.Real(MetadataValue.RealType.FLOAT64, Double.NaN),
          new MetadataValue.Wholes(MetadataValue.WholeType.INT32, List.of()));

  /** For authors to extend. */
  protected ArchitectureContract() {}

  /** The architecture under test. */
  protected abstract Architecture architecture();

  /** A small, complete model, without tensors or keys that it does not need. */
  protected abstract ModelArtifact artifact();

  /** Binds the operators of an artifact: those of dense tensors, unless overridden. */
  protected Binder binder(ModelArtifact artifact) {
    return new DenseBinder(artifact);
  }

  /** Names of tensors without which the plan is another but still whole. */
  protected Set<String> optionalTensors() {
    return Set.of();
  }

  /** It has a name. */
  @Test
  public void namesItself() {
    assertTrue(architecture().id().matches("[a-z][a-z0-9._-]*"), architecture()::id);
  }

  /** The shapes of its plan fit together, and the plan runs. */
  @Test
  public void drawsUpAPlanThatRuns() {
    ModelPlan plan = accepted(plan(artifact()));
    PlanSanity.assertSane(plan);
    assertFalse(plan.architecture().isBlank());
    try (Backend backend = ReferenceBackend.create()) {
      float[][] logits = Runs.whole(backend, plan, Precision.EXACT, PlanFixtures.prompt(plan, 3));
      for (float[] row : logits) {
        for (float logit : row) {
          assertTrue(Float.isFinite(logit), "a logit is a number");
        }
      }
    }
  }

  /** Models of others it declines in words. */
  @Test
  public void declinesOthers() {
    MetadataValue other = new MetadataValue.Text("no-such-architecture");
    Map<String, MetadataValue> metadata = Map.of("general.architecture", other);
    assertDeclined(MemoryArtifact.of(metadata, List.of()));
    assertDeclined(MemoryArtifact.of(Map.of(), List.of()));
    assertDeclined(MemoryArtifact.withKey(artifact(), "general.architecture", other));
  }

  /** When a tensor is missing, the failure says which. */
  @TestFactory
  public Stream<DynamicTest> namesMissingTensors() {
    return artifact().tensors().keySet().stream()
        .filter(name -> !optionalTensors().contains(name))
        .map(name -> NamedTest.of(name, () -> assertMissed(name)));
  }

  private void assertMissed(String name) {
    ModelArtifact incomplete = MemoryArtifact.withoutTensor(artifact(), name);
    MalformedModel failure = assertThrows(MalformedModel.class, () -> plan(incomplete));
    assertTrue(
        failure.getMessage().contains(stem(name)),
        () -> "'%s' does not name %s".formatted(failure.getMessage(), name));
  }

  /**
   * When a key is missing, there is a default for it, or the failure says which; where the default
   * contradicts the tensors, it may name a tensor instead.
   */
  @TestFactory
  public Stream<DynamicTest> namesMissingKeys() {
    return artifact().metadata().entries().keySet().stream()
        .filter(key -> !key.equals("general.architecture"))
        .map(key ->
            NamedTest.of(key, () -> assertNamed(key, MemoryArtifact.withoutKey(artifact(), key))));
  }

  /** Nonsense in the metadata is refused in words or does no harm. */
  @TestFactory
  public Stream<DynamicTest> survivesNonsense() {
    return artifact().metadata().entries().keySet().stream()
        .map(key ->
            NamedTest.of(
                key,
                () -> {
                  for (MetadataValue value : NONSENSE) {
                    assertSurvived(key, value);
                  }
                  for (MetadataValue value : neighbours(artifact().metadata().entries().get(key))) {
                    assertSurvived(key, value);
                  }
                }));
  }

  /** Numbers that look right, and fit the other keys or the tensors no more. */
  private static List<MetadataValue> neighbours(@Nullable MetadataValue value) {
    return value instanceof MetadataValue.Whole(MetadataValue.WholeType type, long number)
        ? Stream.of(number - 1, number + 1, 3 * number, 1000 * number)
            .<MetadataValue>map(neighbour -> new MetadataValue.Whole(type, neighbour))
            .toList()
        : List.of();
  }

  private void assertNamed(String key, ModelArtifact artifact) {
    try {
      PlanSanity.assertSane(accepted(plan(artifact)));
    } catch (EspalierException failure) {
      boolean named =
          Stream.concat(Stream.of(key), artifact.tensors().keySet().stream())
              .map(ArchitectureContract::stem)
              .anyMatch(failure.getMessage()::contains);
      assertTrue(named, () -> "'%s' does not name %s".formatted(failure.getMessage(), key));
    }
  }

  private static String stem(String name) {
    return name.replaceFirst("\\.weight$", "");
  }

  private void assertSurvived(String key, MetadataValue value) {
    try {
      if (plan(MemoryArtifact.withKey(artifact(), key, value))
          instanceof Offer.Accepted<ModelPlan>(ModelPlan plan)) {
        PlanSanity.assertSane(plan);
      }
    } catch (EspalierException failure) {
      assertFalse(failure.getMessage().isBlank(), "a refusal needs words");
    } catch (AssertionError | RuntimeException failure) {
      throw new AssertionError(
          "with %s it should be refused by an EspalierException: %s".formatted(value, failure),
          failure);
    }
  }

  private Offer<ModelPlan> plan(ModelArtifact artifact) {
    return architecture().plan(artifact, binder(artifact));
  }

  private static ModelPlan accepted(Offer<ModelPlan> offer) {
    return switch (offer) {
      case Offer.Accepted<ModelPlan>(ModelPlan plan) -> plan;
      case Offer.Declined<ModelPlan>(String reason) ->
          throw new AssertionError("declined its own model: " + reason);
    };
  }

  private void assertDeclined(ModelArtifact artifact) {
    switch (plan(artifact)) {
      case Offer.Accepted<ModelPlan> _ -> throw new AssertionError("planned another's model");
      case Offer.Declined<ModelPlan>(String reason) ->
          assertFalse(reason.isBlank(), "a refusal needs words");
    }
  }
}

package org.espalier.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.stream.Stream;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Rope;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.testkit.fixture.MemoryArtifact;
import org.espalier.testkit.fixture.RandomTensors;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The contract of architectures passes an honest architecture and catches planted faults. */
class ArchitectureContractTest {

  @Nested
  class HonestArchitecture extends ArchitectureContract {
    @Override
    protected Architecture architecture() {
      return new TrialArchitecture();
    }

    @Override
    protected ModelArtifact artifact() {
      return model();
    }
  }

  @Test
  void plansAnything() {
    ArchitectureContract contract =
        contract(
            new TrialArchitecture() {
              @Override
              String architecture(Metadata metadata) {
                return "trial";
              }

              @Override
              int whole(Metadata metadata, String key) {
                return 6;
              }
            },
            model());
    // Of a model without tensors it says what is missing, instead of declining it.
    assertThrows(RuntimeException.class, contract::declinesOthers);
  }

  @Test
  void doesNotNameTheTensor() {
    ArchitectureContract contract =
        contract(
            new TrialArchitecture() {
              @Override
              String missing(String name) {
                return "a tensor is missing";
              }
            },
            model());
    assertCaught(contract.namesMissingTensors());
  }

  @Test
  void stumblesOverMissingKeys() {
    ArchitectureContract contract =
        contract(
            new TrialArchitecture() {
              @Override
              int whole(Metadata metadata, String key) {
                return (int) metadata.whole(key).orElseThrow();
              }
            },
            model());
    assertThrows(NoSuchElementException.class, () -> run(contract.namesMissingKeys()));
    assertCaught(contract.survivesNonsense());
  }

  @Test
  void believesANumberThatOnlyLooksRight() {
    ArchitectureContract contract =
        contract(
            new TrialArchitecture() {
              @Override
              public Offer<ModelPlan> plan(ModelArtifact artifact, Binder binder) {
                return super.plan(artifact, binder)
                    .map(plan -> withHeads(plan, whole(artifact.metadata(), "trial.heads")));
              }
            },
            MemoryArtifact.withKey(
                model(), "trial.heads", new MetadataValue.Whole(WholeType.UINT32, 2)));
    AssertionError failure =
        assertThrows(AssertionError.class, () -> run(contract.survivesNonsense()));
    assertTrue(failure.getMessage().startsWith("trial.heads: with Whole["), failure::getMessage);
  }

  private static ModelPlan withHeads(ModelPlan plan, int heads) {
    Stage.Attention one = (Stage.Attention) plan.stages().get(1);
    int dimension = one.headDimension() / heads; // four heads would not fit
    Stage.Attention many =
        new Stage.Attention(
            one.layer(),
            one.norm(),
            one.query(),
            one.key(),
            one.value(),
            one.output(),
            one.queryNorm(),
            one.keyNorm(),
            one.clip(),
            new Rope(dimension / 2 * 2, 100),
            heads,
            heads,
            dimension,
            1);
    return new ModelPlan(
        plan.architecture(),
        plan.width(),
        plan.vocabulary(),
        plan.contextLength(),
        List.of(plan.stages().getFirst(), many, plan.stages().getLast()));
  }

  @Test
  void forgetsTheHead() {
    ArchitectureContract contract =
        contract(
            new TrialArchitecture() {
              @Override
              public Offer<ModelPlan> plan(ModelArtifact artifact, Binder binder) {
                return super.plan(artifact, binder).map(plan -> plan.slice(0, 2));
              }
            },
            model());
    assertThrows(AssertionError.class, contract::drawsUpAPlanThatRuns);
  }

  private static ModelArtifact model() {
    RandomTensors random = new RandomTensors(1);
    Map<String, MetadataValue> metadata =
        Map.of(
            "general.architecture", new MetadataValue.Text("trial"),
            "trial.width", new MetadataValue.Whole(WholeType.UINT32, 6),
            "trial.vocabulary", new MetadataValue.Whole(WholeType.UINT32, 11));
    return MemoryArtifact.of(
        metadata,
        List.of(
            random.plain("embedding.weight", ElementType.F16, 11, 6),
            random.plain("norm.weight", ElementType.F32, 6),
            random.plain("q.weight", ElementType.F32, 6, 6),
            random.plain("k.weight", ElementType.BF16, 6, 6),
            random.plain("v.weight", ElementType.F32, 6, 6),
            random.plain("o.weight", ElementType.F32, 6, 6),
            random.plain("head.weight", ElementType.F32, 11, 6)));
  }

  private static ArchitectureContract contract(Architecture architecture, ModelArtifact artifact) {
    return new ArchitectureContract() {
      @Override
      protected Architecture architecture() {
        return architecture;
      }

      @Override
      protected ModelArtifact artifact() {
        return artifact;
      }
    };
  }

  private static void run(Stream<DynamicTest> tests) throws Throwable {
    for (DynamicTest test : tests.toList()) {
      test.getExecutable().execute();
    }
  }

  private static void assertCaught(Stream<DynamicTest> tests) {
    assertThrows(AssertionError.class, () -> run(tests));
  }
}

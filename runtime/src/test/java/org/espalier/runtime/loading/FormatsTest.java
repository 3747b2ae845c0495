package org.espalier.runtime.loading;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelPlan;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FormatsTest {
  private static final Binder NO_BINDER =
      (id, stem, shape) -> {
        throw new MalformedModel("nothing to bind");
      };

  private final MemoryArtifact artifact = new MemoryArtifact();
  private final ModelFormat accepting =
      new MemoryFormat("memory", path -> Offer.accepted(artifact));
  private final ModelFormat declining =
      new MemoryFormat("stone", path -> Offer.declined("it is not chiselled"));

  @TempDir Path folder;

  @Test
  void theFirstThatAcceptsOpensTheFile() {
    assertSame(artifact, Formats.open(folder, List.of(declining, accepting)));
  }

  @Test
  void allReasonsAreGivenWhenNoneAccepts() {
    Unsupported failure =
        assertThrows(
            Unsupported.class,
            () ->
                Formats.open(
                    folder,
                    List.of(
                        declining, new MemoryFormat("wax", path -> Offer.declined("too hot")))));
    String reasons = "stone: it is not chiselled; wax: too hot";
    assertTrue(failure.getMessage().contains(reasons), failure.getMessage());
    assertThrows(Unsupported.class, () -> Formats.open(folder, List.of()));
  }

  @Test
  void aMissingFileIsNamed() {
    Path missing = folder.resolve("missing.gguf");
    InvalidRequest failure =
        assertThrows(InvalidRequest.class, () -> Formats.open(missing, List.of(accepting)));
    assertTrue(failure.getMessage().contains(missing.toString()), failure.getMessage());
  }

  @Test
  void overridesReplaceMetadataAndNothingElse() {
    artifact.text("a", "1").text("b", "2");
    assertSame(artifact, OverriddenArtifact.of(artifact, Map.of()));
    ModelArtifact overridden =
        OverriddenArtifact.of(
            artifact, Map.of("b", new MetadataValue.Text("3"), "c", new MetadataValue.Flag(true)));
    assertEquals("1", overridden.metadata().text("a").orElseThrow());
    assertEquals("3", overridden.metadata().text("b").orElseThrow());
    assertTrue(overridden.metadata().flag("c").orElseThrow());
    assertSame(artifact.tensors(), overridden.tensors());
    assertEquals(artifact.path(), overridden.path());
    overridden.close();
    assertEquals(1, artifact.closed);
  }

  @Test
  void theFirstArchitectureThatAcceptsPlans() {
    ModelPlan plan = new ModelPlan("b", 1, 1, 1, List.of());
    assertSame(
        plan,
        Architectures.plan(
            artifact,
            List.of(
                architecture("a", Offer.declined("no")), architecture("b", Offer.accepted(plan))),
            NO_BINDER));
  }

  @Test
  void anUnknownArchitectureIsNamedWithThoseThatAreKnown() {
    List<Architecture> known =
        List.of(
            architecture("a", Offer.declined("no a")), architecture("b", Offer.declined("no b")));
    Unsupported failure =
        assertThrows(Unsupported.class, () -> Architectures.plan(artifact, known, NO_BINDER));
    assertTrue(failure.getMessage().contains("does not name"), failure.getMessage());
    artifact.text("general.architecture", "gothic");
    failure = assertThrows(Unsupported.class, () -> Architectures.plan(artifact, known, NO_BINDER));
    assertTrue(failure.getMessage().contains("'gothic'"), failure.getMessage());
    assertTrue(failure.getMessage().contains("a, b"), failure.getMessage());
    assertTrue(failure.getMessage().contains("a: no a; b: no b"), failure.getMessage());
  }

  private static Architecture architecture(String id, Offer<ModelPlan> answer) {
    return new Architecture() {
      @Override
      public String id() {
        return id;
      }

      @Override
      public Offer<ModelPlan> plan(ModelArtifact artifact, Binder binder) {
        return answer;
      }
    };
  }
}

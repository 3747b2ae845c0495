package org.espalier.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.format.ModelWriter;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** The contract of formats passes an honest format and catches planted faults. */
class FormatContractTest {
  @TempDir Path temporary;

  private static class TextsOnly extends FormatContract {
    private final ModelFormat format;

    TextsOnly(ModelFormat format) {
      this.format = format;
    }

    @Override
    protected ModelFormat format() {
      return format;
    }

    @Override
    protected Metadata metadata() {
      Map<String, MetadataValue> entries = new LinkedHashMap<>();
      entries.put("z", new MetadataValue.Text("first"));
      entries.put("a", new MetadataValue.Text(""));
      return new Metadata(entries);
    }
  }

  @Nested
  class HonestFormat extends TextsOnly {
    HonestFormat() {
      super(new TrialFormat());
    }
  }

  @Test
  void losesMetadata() {
    FormatContract contract =
        contract(
            new TrialFormat() {
              @Override
              public Offer<ModelWriter> create(Path path, Metadata metadata) {
                return super.create(path, Metadata.empty());
              }
            });
    assertCaught(contract::readsWhatItWrites);
  }

  @Test
  void growsInPlace() {
    FormatContract contract =
        contract(
            new TrialFormat() {
              @Override
              Path temporary(Path target) {
                return target;
              }
            });
    assertCaught(contract::leavesNothingUnfinished);
  }

  @Test
  void takesForeignFilesForBrokenOnes() {
    FormatContract contract =
        contract(
            new TrialFormat() {
              @Override
              public Offer<ModelArtifact> open(Path path) {
                return Offer.accepted(super.open(path).orElseThrow(MalformedModel::new));
              }
            });
    assertThrows(MalformedModel.class, contract::declinesForeignFiles);
  }

  @Test
  void trustsDamagedFiles() {
    FormatContract contract =
        contract(
            new TrialFormat() {
              @Override
              boolean intact(long stored, long computed) {
                return true;
              }
            });
    // The defect itself comes through: an exception that is none of ours.
    assertThrows(RuntimeException.class, contract::survivesDamage);
    assertThrows(Throwable.class, contract::refusesTruncatedFiles);
  }

  private FormatContract contract(ModelFormat format) {
    FormatContract contract = new TextsOnly(format);
    contract.folder = temporary;
    return contract;
  }

  private static void assertCaught(Executable test) {
    assertThrows(AssertionError.class, test);
  }
}

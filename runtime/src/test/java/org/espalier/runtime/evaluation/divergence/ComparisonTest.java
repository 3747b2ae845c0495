package org.espalier.runtime.evaluation.divergence;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedData;
import org.espalier.runtime.Model;
import org.espalier.runtime.evaluation.HistoryModel;
import org.espalier.runtime.evaluation.Progress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ComparisonTest {
  private static final int WINDOW = 16;
  private static final int[] TEXT = HistoryModel.text(70);
  private static final HistoryModel REFERENCE = new HistoryModel(1, 5, true, false, 64, 0);
  private static final HistoryModel OTHER = new HistoryModel(1, 0, false, false, 64, 1.5);

  @TempDir private Path folder;

  /** The definition, position by position. */
  private record Expected(List<Double> kl, double sameTop, double change) {
    static Expected of(HistoryModel model, HistoryModel reference, int windows) {
      List<Double> kl = new ArrayList<>();
      double same = 0;
      double change = 0;
      for (int w = 0; w < windows; w++) {
        List<Integer> history = new ArrayList<>();
        for (int i = 0; i < WINDOW; i++) {
          history.add(TEXT[w * WINDOW + i]);
          double[] p = logs(reference.logits(history));
          double[] q = logs(model.logits(history));
          double sum = 0;
          for (int token = 0; token < p.length; token++) {
            sum += Math.exp(p[token]) * (p[token] - q[token]);
          }
          kl.add(sum);
          same += greatest(p) == greatest(q) ? 1 : 0;
          if (i + 1 < WINDOW) {
            int next = TEXT[w * WINDOW + i + 1];
            change += q[next] - p[next];
          }
        }
      }
      return new Expected(kl, same / kl.size(), change / (windows * (WINDOW - 1)));
    }

    private static double[] logs(float[] logits) {
      double[] logs = new double[HistoryModel.tokenCount()];
      double sum = 0;
      for (int token = 0; token < logs.length; token++) {
        sum += Math.exp(logits[token]);
      }
      for (int token = 0; token < logs.length; token++) {
        logs[token] = logits[token] - Math.log(sum);
      }
      return logs;
    }

    private static int greatest(double[] values) {
      int best = 0;
      for (int i = 1; i < values.length; i++) {
        best = values[i] > values[best] ? i : best;
      }
      return best;
    }

    double mean() {
      return kl.stream().mapToDouble(k -> k).average().orElseThrow();
    }

    double median() {
      double[] sorted = kl.stream().mapToDouble(k -> k).sorted().toArray();
      return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }
  }

  private static void check(Expected expected, ComparisonResult found) {
    assertEquals(expected.kl().size(), found.kl().count());
    assertEquals(expected.mean(), found.kl().mean(), 1e-6);
    assertEquals(expected.median(), found.medianKl(), 1e-6);
    assertEquals(expected.sameTop(), found.sameTop().mean(), 1e-12);
    assertEquals(expected.change(), found.logLikelihoodChange().mean(), 1e-6);
    assertEquals(
        found.referenceMeanNll() - found.meanNll(), found.logLikelihoodChange().mean(), 1e-9);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "5, 3", "16, 64", "64, 7"})
  void paddingRowsTakeNoPart(int batch, int referenceBatch) {
    Expected expected = Expected.of(OTHER, REFERENCE, 4);
    HistoryModel unnamed = new HistoryModel(1, 5, false, false, 64, 0);
    for (HistoryModel padded : List.of(REFERENCE, unnamed)) {
      try (Model model = OTHER.open(batch);
          Model reference = padded.open(referenceBatch)) {
        assertEquals(HistoryModel.tokenCount(), CommonTokens.of(model, reference));
        check(
            expected,
            Comparison.measure(model, reference, TEXT, WINDOW, 0, Optional.empty(), Progress.NONE));
      }
    }
  }

  @Test
  void aModelDoesNotDifferFromItself() {
    try (Model model = OTHER.open(8);
        Model same = OTHER.open(16)) {
      ComparisonResult result =
          Comparison.measure(model, same, TEXT, WINDOW, 2, Optional.empty(), Progress.NONE);
      assertEquals(0, result.kl().mean(), 1e-12);
      assertEquals(1, result.sameTop().mean());
      assertEquals(2, result.windows());
    }
  }

  @Test
  void aSavedReferenceStandsForTheModel() throws IOException {
    Path file = folder.resolve("reference");
    ComparisonResult direct = save(file, 1000);
    check(Expected.of(OTHER, REFERENCE, 4), direct);
    assertTrue(SavedReference.is(file));
    SavedReference saved = SavedReference.open(file);
    assertEquals(HistoryModel.tokenCount(), saved.topTokens(), "no more than there are");
    try (Model model = OTHER.open(3)) {
      ComparisonResult again = Comparison.measure(model, saved, TEXT, Progress.NONE);
      assertEquals(direct.kl().mean(), again.kl().mean(), 1e-6);
      assertEquals(direct.p99Kl(), again.p99Kl(), 1e-5);
      assertEquals(direct.sameTop().mean(), again.sameTop().mean());
      assertEquals(direct.logLikelihoodChange().mean(), again.logLikelihoodChange().mean(), 1e-6);
      assertEquals(direct.commonTokens(), again.commonTokens());
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(file), files.toList());
    }
  }

  @Test
  void fewTokensAndASampleEstimateTheRest() {
    Path file = folder.resolve("reference");
    ComparisonResult direct = save(file, 12);
    assertEquals(
        ReferenceHeader.BYTES + 64L * ((12 + TopTokens.DRAWN) * 8 + 8), file.toFile().length());
    try (Model model = OTHER.open(64)) {
      ComparisonResult again =
          Comparison.measure(model, SavedReference.open(file), TEXT, Progress.NONE);
      assertEquals(direct.kl().mean(), again.kl().mean(), 0.01 * direct.kl().mean());
      assertEquals(direct.sameTop().mean(), again.sameTop().mean());
    }
  }

  private ComparisonResult save(Path file, int topTokens) {
    try (Model model = OTHER.open(64);
        Model reference = REFERENCE.open(64)) {
      return Comparison.measure(
          model,
          reference,
          TEXT,
          WINDOW,
          0,
          Optional.of(new SaveOptions(file, topTokens)),
          Progress.NONE);
    }
  }

  @Test
  void estimatesAreRightOnAverage() {
    float[] reference = REFERENCE.logits(List.of(1, 2, 3));
    float[] logits = OTHER.logits(List.of(1, 2, 3));
    int count = HistoryModel.tokenCount();
    double exact = Divergence.of(reference, logits, count, Divergence.NO_TARGET).kl();
    double sum = 0;
    int seeds = 4000;
    for (int seed = 0; seed < seeds; seed++) {
      sum += TopTokens.of(reference, count, 4, 0, seed).divergence(logits, count, 0).kl();
    }
    assertEquals(exact, sum / seeds, 0.004 * exact);
  }

  @Test
  void savedReferencesOfSomethingElseAreRefused() throws IOException {
    Path file = folder.resolve("reference");
    save(file, 8);
    SavedReference saved = SavedReference.open(file);
    int[] changed = TEXT.clone();
    changed[50]++;
    try (Model model = OTHER.open(8);
        Model stranger = new HistoryModel(1, 0, false, true, 64, 0).open(8)) {
      refused("another text", model, saved, changed);
      refused("another text", model, saved, Arrays.copyOf(TEXT, 63));
      refused("different tokenizers", stranger, saved, TEXT);
      InvalidRequest failure =
          assertThrows(
              InvalidRequest.class,
              () ->
                  Comparison.measure(
                      model, stranger, TEXT, WINDOW, 0, Optional.empty(), Progress.NONE));
      assertTrue(failure.getMessage().contains("different tokenizers"), failure.getMessage());
    }
  }

  private static void refused(String why, Model model, SavedReference saved, int[] text) {
    InvalidRequest failure =
        assertThrows(
            InvalidRequest.class, () -> Comparison.measure(model, saved, text, Progress.NONE));
    assertTrue(failure.getMessage().contains(why), failure.getMessage());
  }

  @Test
  void damagedFilesAreNamed() throws IOException {
    Path file = folder.resolve("reference");
    save(file, 8);
    byte[] bytes = Files.readAllBytes(file);
    for (int length : new int[] {0, 7, 50, ReferenceHeader.BYTES, bytes.length - 1}) {
      Path cut = Files.write(folder.resolve("cut"), Arrays.copyOf(bytes, length));
      MalformedData failure = assertThrows(MalformedData.class, () -> SavedReference.open(cut));
      assertTrue(failure.getMessage().startsWith(cut.toString()), failure.getMessage());
      assertEquals(length >= 8, SavedReference.is(cut));
    }
    for (int field = 8; field < 28; field++) {
      if (field >= 16 && field < 19) {
        continue; // more common tokens would be possible; the model decides
      }
      byte[] wrong = bytes.clone();
      wrong[field] ^= (byte) 0x80;
      Path path = Files.write(folder.resolve("wrong"), wrong);
      assertThrows(MalformedData.class, () -> SavedReference.open(path), "byte " + field);
    }
    byte[] wild = bytes.clone();
    Arrays.fill(wild, ReferenceHeader.BYTES, bytes.length, (byte) 0x7F);
    SavedReference saved = SavedReference.open(Files.write(folder.resolve("wild"), wild));
    try (Model model = OTHER.open(8)) {
      assertThrows(
          MalformedData.class, () -> Comparison.measure(model, saved, TEXT, Progress.NONE));
    }
    assertFalse(SavedReference.is(folder.resolve("none")));
  }

  @Test
  void anInterruptionLeavesNoFile() throws IOException {
    Path file = folder.resolve("reference");
    Progress impatient =
        new Progress() {
          @Override
          public void advanced(int done, int total, double value) {
            if (done == 2) {
              throw new InvalidRequest("enough");
            }
          }
        };
    try (Model model = OTHER.open(64);
        Model reference = REFERENCE.open(64)) {
      assertThrows(
          InvalidRequest.class,
          () ->
              Comparison.measure(
                  model,
                  reference,
                  TEXT,
                  WINDOW,
                  0,
                  Optional.of(new SaveOptions(file, 8)),
                  impatient));
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(), files.toList());
    }
  }

  @Test
  void quantilesLieBetweenNeighbours() {
    double[] sorted = {1, 2, 4, 8, 16};
    assertEquals(4, Positions.quantile(sorted, 0.5));
    assertEquals(15.68, Positions.quantile(sorted, 0.99), 1e-9);
    assertEquals(1, Positions.quantile(new double[] {1}, 0.99));
    assertEquals(3, Positions.quantile(new double[] {2, 4}, 0.5));
  }

  @Test
  void shortTextsAreRefused() {
    try (Model model = OTHER.open(8);
        Model reference = REFERENCE.open(8)) {
      for (int window : new int[] {1, 71}) {
        assertThrows(
            InvalidRequest.class,
            () ->
                Comparison.measure(
                    model, reference, TEXT, window, 0, Optional.empty(), Progress.NONE));
      }
    }
  }
}

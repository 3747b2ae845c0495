package org.espalier.runtime.evaluation.choice;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.espalier.api.EspalierException.MalformedData;
import org.espalier.api.backend.Observer;
import org.espalier.runtime.Model;
import org.espalier.runtime.evaluation.HistoryBackend;
import org.espalier.runtime.evaluation.HistoryModel;
import org.espalier.runtime.evaluation.Mean;
import org.espalier.runtime.evaluation.Progress;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MultipleChoiceTest {
  private static final HistoryModel MODEL = HistoryModel.PLAIN;

  private static Question question(String context, int gold, String... choices) {
    return new Question("test", context, List.of(choices), gold);
  }

  private static List<Question> questions() {
    List<Question> questions = new ArrayList<>();
    questions.add(question("Question: the?\nAnswer:", 0, "the and", "and"));
    questions.add(question("A", 2, "x", "yy", "the z", "and the and the"));
    questions.add(question("Ends in a space: ", 1, "the", "and"));
    questions.add(question("B", 0, "a", "b"));
    for (int i = 0; i < 20; i++) {
      questions.add(
          question("the " + "and".repeat(i % 4 + 1), i % 3, "x" + i, "the " + i, "and and " + i));
    }
    return questions;
  }

  /** The definition, token by token, each choice on its own. */
  private static double logLikelihood(
      HistoryModel model, Tokenizer tokenizer, String context, String rest, int contextLength) {
    int[] alone = tokenizer.encode(context, false);
    int[] together = tokenizer.encode(context + rest, false);
    List<Integer> all = new ArrayList<>();
    Arrays.stream(alone).forEach(all::add);
    for (int i = alone.length; i < together.length; i++) {
      all.add(together[i]);
    }
    int scored = together.length - alone.length;
    int dropped = Math.max(0, all.size() - (contextLength + 1));
    all = all.subList(dropped, all.size());
    double sum = 0;
    for (int i = all.size() - scored; i < all.size(); i++) {
      sum += model.logProbability(all.subList(0, i), all.get(i));
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 16, 64})
  void everyChoiceIsScoredAsIfAlone(int batch) {
    HistoryBackend backend = new HistoryBackend(MODEL);
    List<Question> questions = questions();
    try (Model model = MODEL.open(backend, batch, Observer.NONE)) {
      MultipleChoiceResult result = MultipleChoice.score(model, questions, Progress.NONE);
      assertEquals(questions.size(), result.questions().size());
      for (int q = 0; q < questions.size(); q++) {
        Question question = questions.get(q);
        QuestionResult found = result.questions().get(q);
        assertEquals(question.gold(), found.gold());
        String context = question.context().stripTrailing();
        String between = question.context().substring(context.length()) + " ";
        for (int c = 0; c < question.choices().size(); c++) {
          double expected =
              logLikelihood(
                  MODEL,
                  model.tokenizer(),
                  context,
                  between + question.choices().get(c),
                  MODEL.contextLength());
          assertEquals(expected, found.logLikelihoods().get(c), 1e-5, question.toString());
        }
      }
    }
    assertEquals(0, backend.openSessions);
  }

  @Test
  void questionsShareWidePasses() {
    HistoryBackend backend = new HistoryBackend(MODEL);
    List<Question> questions = questions();
    int rows = 0;
    try (Model model = MODEL.open(backend, 64, Observer.NONE)) {
      MultipleChoice.score(model, questions, Progress.NONE);
      for (Question question : questions) {
        EncodedQuestion encoded = EncodedQuestion.of(question, model.tokenizer());
        rows += encoded.context().length;
        for (int[] continuation : encoded.continuations()) {
          rows += continuation.length - 1;
        }
      }
    }
    int read = backend.passes.stream().mapToInt(Integer::intValue).sum();
    assertEquals(rows, read, "every context is read once");
    assertTrue((double) read / backend.passes.size() > 24, backend.passes.toString());
  }

  @Test
  void contextAndChoiceAreEncodedTogether() {
    try (Model model = MODEL.open(8)) {
      Tokenizer tokenizer = model.tokenizer();
      Question question = question("A: ", 0, "b");
      EncodedQuestion encoded = EncodedQuestion.of(question, tokenizer);
      int twoSpaces = tokenizer.encode("  ", false)[0];
      int space = tokenizer.encode(" ", false)[0];
      int b = tokenizer.encode("b", false)[0];
      assertArrayEquals(tokenizer.encode("A:", false), encoded.context());
      assertArrayEquals(new int[] {twoSpaces, b}, encoded.continuations().getFirst());
      // Apart, the context would end with a space and the choice begin with another.
      assertNotEquals(twoSpaces, space);
      assertArrayEquals(new int[] {space, b}, tokenizer.encode(" b", false));
    }
  }

  @Test
  void longContextsAreCutFromTheLeft() {
    HistoryModel narrow = new HistoryModel(1, 0, false, false, 12, 0);
    String context = "the " + "x".repeat(8) + "y";
    List<Question> questions =
        List.of(question(context, 0, "a", "abcdef", "abcdefghij"), question("x", 1, "a", "b"));
    try (Model model = narrow.open(64)) {
      MultipleChoiceResult result = MultipleChoice.score(model, questions, Progress.NONE);
      QuestionResult found = result.questions().getFirst();
      for (int c = 0; c < 3; c++) {
        String rest = " " + questions.getFirst().choices().get(c);
        assertEquals(
            logLikelihood(narrow, model.tokenizer(), context, rest, 12),
            found.logLikelihoods().get(c),
            1e-5);
      }
      List<Question> hopeless = List.of(question("x", 0, "a".repeat(20), "b"));
      MalformedData failure =
          assertThrows(
              MalformedData.class, () -> MultipleChoice.score(model, hopeless, Progress.NONE));
      assertTrue(failure.getMessage().startsWith("test: "), failure.getMessage());
    }
  }

  @Test
  void noContextIsAFault() {
    try (Model model = MODEL.open(8)) {
      assertThrows(
          MalformedData.class,
          () -> MultipleChoice.score(model, List.of(question(" ", 0, "a")), Progress.NONE));
    }
  }

  @Test
  void normalisationCountsCodePointsAndTheFirstMaximumWins() {
    QuestionResult result =
        new QuestionResult(List.of(-4.0, -6.0, -4.0), List.of(1, 1, 1), List.of(2, 6, 2), 1);
    assertEquals(0, result.likeliest());
    assertEquals(1, result.likeliestPerCharacter());
    QuestionResult ties =
        new QuestionResult(List.of(-4.0, -2.0, -2.0), List.of(1, 1, 1), List.of(4, 2, 2), 0);
    assertEquals(1, ties.likeliest());
    assertEquals(0, ties.likeliestPerCharacter());
    Question fox = question("A", 0, "ab", "the", "\uD83E\uDD8A!");
    try (Model model = MODEL.open(8)) {
      QuestionResult found =
          MultipleChoice.score(model, List.of(fox), Progress.NONE).questions().getFirst();
      assertEquals(List.of(2, 3, 2), found.characters(), "a fox is one character");
      assertEquals(List.of(3, 1, 6), found.tokens());
    }
  }

  @Test
  void standardErrorUsesOneLess() {
    Mean share = new Mean();
    for (double value : new double[] {1, 0, 1, 1, 0}) {
      share.add(value);
    }
    // Variance with n − 1: (3 · 0.16 + 2 · 0.36) / 4 = 0.3; divided by 5 and rooted.
    assertEquals(0.6, share.mean(), 1e-12);
    assertEquals(Math.sqrt(0.06), share.standardError(), 1e-12);
  }

  @Test
  void whiteSpaceIsPythons() {
    assertEquals("x", Whitespace.strip("\u00A0\u2003\u0085\u001Fx \t\n\u3000"));
    assertEquals("\u200Bx\uFEFF", Whitespace.strip("\u200Bx\uFEFF"));
    assertEquals(2, Whitespace.trailing("x \n"));
    assertEquals(0, Whitespace.trailing(""));
    assertEquals("", Whitespace.strip(" \n "));
  }
}

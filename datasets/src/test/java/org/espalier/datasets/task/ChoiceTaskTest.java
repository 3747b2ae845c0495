package org.espalier.datasets.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedData;
import org.espalier.datasets.DataFile;
import org.espalier.datasets.Resources;
import org.espalier.runtime.evaluation.choice.Question;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every expected text was put together by hand from the harness's definition of the task. */
class ChoiceTaskTest {
  @TempDir private Path folder;

  private List<Question> questions(ChoiceTask task, String lines, Integer... labels) {
    return task.questions(Resources.written(folder, "data.jsonl", lines), List.of(labels), 0);
  }

  private List<Question> parquet(ChoiceTask task, String name) {
    return task.questions(Resources.file(ChoiceTaskTest.class, folder, name), List.of(), 0);
  }

  private static void check(Question question, String context, List<String> choices, int gold) {
    assertEquals(context, question.context());
    assertEquals(choices, question.choices());
    assertEquals(gold, question.gold());
  }

  @Test
  void hellaSwag() {
    List<Question> questions =
        questions(
            ChoiceTask.HELLASWAG,
            """
            {"ind": 1, "activity_label": "Sailing", "ctx_a": "A man sails.", "ctx_b": "then HE", "ctx": "unused", "endings": ["sleeps.", " eats  a   plum. "], "label": 1}
            {"activity_label": "Home", "ctx_a": "[header] How to bake [title] Heat it.", "ctx_b": "", "endings": ["Wait [title] Then eat.", "[substeps] a [x] b"], "label": "0"}
            {"activity_label": "X", "ctx_a": "a", "ctx_b": "éTÉ", "endings": ["[a\\nb] c", "d"], "label": 0}
            {"activity_label": "X", "ctx_a": "a [step]", "ctx_b": "", "endings": ["b", "c"], "label": 0}
            """);
    check(
        questions.get(0),
        "Sailing: A man sails. Then he",
        // Double spaces are replaced once, from the left: three become two.
        List.of("sleeps.", "eats a  plum."),
        1);
    // " [title]" becomes ". "; "[header]" goes, and one of the two spaces around it.
    check(questions.get(1), "Home: How to bake. Heat it.", List.of("Wait. Then eat.", " a b"), 0);
    // A bracket that spans lines is none.
    check(questions.get(2), "X: a Été", List.of("[a\nb] c", "d"), 0);
    // Only the ends of the raw text are stripped: this space stays, and is moved to the choices
    // later.
    check(questions.get(3), "X: a ", List.of("b", "c"), 0);
  }

  @Test
  void hellaSwagFromTheHub() {
    List<Question> questions = parquet(ChoiceTask.HELLASWAG, "hellaswag.parquet");
    check(
        questions.get(0),
        "Baking bread: A woman kneads dough. She",
        List.of("puts it into the oven.", "sails away."),
        0);
    check(
        questions.get(1),
        "Mending a boat: How to mend a boat. Dry the wood. Turn it over. The wood",
        List.of(" dries. Then paint it.", "sings."),
        1);
  }

  @Test
  void piqa() {
    String lines =
        """
        {"goal": "To open a nut,", "sol1": "crack it ", "sol2": "ask it"}
        {"goal": "Why?", "sol1": "a", "sol2": "b"}
        """;
    List<Question> questions = questions(ChoiceTask.PIQA, lines, 1, 0);
    check(questions.get(0), "Question: To open a nut,\nAnswer:", List.of("crack it ", "ask it"), 1);
    check(questions.get(1), "Question: Why?\nAnswer:", List.of("a", "b"), 0);
    check(
        parquet(ChoiceTask.PIQA, "piqa.parquet").getFirst(),
        "Question: To open a nut\nAnswer:",
        List.of("crack it ", "ask it"),
        0);
    MalformedData unlabelled =
        assertThrows(MalformedData.class, () -> questions(ChoiceTask.PIQA, lines));
    assertTrue(unlabelled.getMessage().contains("--labels"), unlabelled.getMessage());
  }

  @ParameterizedTest
  @EnumSource(names = {"ARC_EASY", "ARC_CHALLENGE"})
  void arc(ChoiceTask task) {
    List<Question> questions =
        questions(
            task,
            """
            {"id": "a", "question": "What melts?", "choices": {"text": ["stone", "ice"], "label": ["A", "B"]}, "answerKey": "B"}
            {"id": "b", "question": {"stem": "Which is it?", "choices": [{"text": "x", "label": "1"}, {"text": "y", "label": "2"}, {"text": "z", "label": "3"}]}, "answerKey": "2"}
            """);
    check(questions.get(0), "Question: What melts?\nAnswer:", List.of("stone", "ice"), 1);
    check(questions.get(1), "Question: Which is it?\nAnswer:", List.of("x", "y", "z"), 1);
    List<Question> hub = parquet(task, "arc.parquet");
    check(hub.get(0), "Question: What melts?\nAnswer:", List.of("stone", "ice"), 1);
    check(
        hub.get(1),
        "Question: Which is heavier?\nAnswer:",
        List.of("a feather", "a hen", "a cow"),
        2);
  }

  @Test
  void limitsStopEarly() {
    DataFile file =
        Resources.written(
            folder,
            "d.jsonl",
            "{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\", \"label\": 0}\n?");
    assertEquals(1, ChoiceTask.PIQA.questions(file, List.of(), 1).size());
    assertThrows(MalformedData.class, () -> ChoiceTask.PIQA.questions(file, List.of(), 2));
  }

  @Test
  void labelsAreReadAndCounted() {
    assertEquals(
        List.of(1, 0, 2), Labels.read(Resources.written(folder, "l.lst", "1\n0\r\n 2 \n\n")));
    DataFile bad = Resources.written(folder, "bad.lst", "1\nx\n");
    MalformedData failure = assertThrows(MalformedData.class, () -> Labels.read(bad));
    assertTrue(failure.getMessage().contains("bad.lst, line 2: 'x'"), failure.getMessage());
    String row = "{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\"}\n";
    assertThrows(InvalidRequest.class, () -> questions(ChoiceTask.PIQA, row + row, 1));
    assertThrows(InvalidRequest.class, () -> questions(ChoiceTask.PIQA, row, 1, 0));
    MalformedData wild =
        assertThrows(MalformedData.class, () -> questions(ChoiceTask.PIQA, row, 2));
    assertTrue(wild.getMessage().contains("data.jsonl, line 1"), wild.getMessage());
  }

  @Test
  void rowsOfAnotherDataSetAreRefused() {
    for (ChoiceTask task : ChoiceTask.values()) {
      MalformedData failure =
          assertThrows(
              MalformedData.class, () -> questions(task, "\n{\"text\": \"a\"}"), task.id());
      assertTrue(failure.getMessage().contains("data.jsonl, line 2: "), failure.getMessage());
    }
    String wrongKey =
        "{\"question\": \"q\", \"choices\": {\"text\": [\"x\"], \"label\": [\"A\"]}, \"answerKey\": \"E\"}";
    assertThrows(MalformedData.class, () -> questions(ChoiceTask.ARC_EASY, wrongKey));
    assertThrows(InvalidRequest.class, () -> questions(ChoiceTask.PIQA, ""));
  }
}

package org.espalier.launcher.option;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.espalier.datasets.task.ChoiceTask;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the name of a task. */
public final class TaskConverter implements ITypeConverter<ChoiceTask> {
  @Override
  public ChoiceTask convert(String value) {
    return Arrays.stream(ChoiceTask.values())
        .filter(task -> task.id().equals(value))
        .findFirst()
        .orElseThrow(() ->
            new TypeConversionException(
                "there is no task '%s'; there are %s"
                    .formatted(
                        value,
                        Arrays.stream(ChoiceTask.values())
                            .map(ChoiceTask::id)
                            .collect(Collectors.joining(", ")))));
  }
}

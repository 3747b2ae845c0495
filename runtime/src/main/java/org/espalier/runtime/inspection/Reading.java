package org.espalier.runtime.inspection;

import java.util.List;
import java.util.Optional;

/**
 * How a file would be read by the providers that are present.
 *
 * @param architecture that draws up the plan; empty where none does
 * @param width of the residual stream; 0 without a plan
 * @param vocabulary rows of the embedding; 0 without a plan
 * @param contextLength positions; 0 without a plan
 * @param stages of the plan; 0 without one
 * @param operators linear operators by codec, with all tensors that belong to them
 * @param tokens of the tokenizer; 0 where it cannot be read
 * @param repairs what the file leaves open about its tokenizer, and how it is read
 * @param obstacles why it cannot be run, one sentence each; empty where it can
 */
public record Reading(
    Optional<String> architecture,
    int width,
    int vocabulary,
    int contextLength,
    int stages,
    List<Total> operators,
    int tokens,
    List<String> repairs,
    List<String> obstacles) {
  public Reading {
    operators = List.copyOf(operators);
    repairs = List.copyOf(repairs);
    obstacles = List.copyOf(obstacles);
  }
}

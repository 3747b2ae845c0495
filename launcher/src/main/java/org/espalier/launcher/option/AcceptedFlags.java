package org.espalier.launcher.option;

import java.util.ArrayList;
import java.util.List;
import org.espalier.launcher.console.Console;
import picocli.CommandLine.Option;

/** Flags of llama.cpp's tools that are taken, so that its lines run, but change nothing here. */
public final class AcceptedFlags {
  private final List<String> notes = new ArrayList<>();

  @Option(
      names = {"-ngl", "--gpu-layers", "--n-gpu-layers"},
      paramLabel = "N",
      description = "No effect: everything runs on the CPU.")
  void gpuLayers(String count) {
    notes.add("-ngl " + count + " has no effect: everything runs on the CPU");
  }

  @Option(names = "--mlock", description = "No effect: weights are mapped, not locked.")
  void lock(boolean given) {
    if (given) {
      notes.add("--mlock has no effect: weights are mapped from the file, not locked in memory");
    }
  }

  @Option(
      names = {"--no-mmap", "--mmap"},
      description = "No effect: weights are always mapped.")
  void map(boolean given) {
    if (given) {
      notes.add("--mmap and --no-mmap have no effect: weights are always mapped from the file");
    }
  }

  @Option(
      names = {"-tb", "--threads-batch"},
      paramLabel = "N",
      description = "No effect: -t counts for prompts too.")
  void batchThreads(int count) {
    notes.add("-tb has no effect: -t counts for prompts too");
  }

  @Option(
      names = {"-no-cnv", "--no-conversation", "--no-warmup", "--no-context-shift", "--simple-io"},
      description = "What happens anyway.")
  private boolean customary;

  /** Says once which of them were given. */
  public void mention(Console console) {
    notes.forEach(console::note);
  }
}

package org.espalier.launcher.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.GeneralCodingRules.THROW_GENERIC_EXCEPTIONS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.syntax.elements.ClassesShouldConjunction;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.model.Architecture;

/** What no one may do in this project, and why, each with a class that does it. */
enum Rule {
  API_STANDS_ALONE(
      only("org.espalier.api..")
          .because("whoever adds a jar should have to agree with api and nothing else"),
      Planted.in("org.espalier.api.planted", "org.espalier.runtime.Providers providers;")),

  FORMATS_KNOW_API_ONLY(
      only("org.espalier.format..", "tools.jackson..")
          .because("a format must not need to know who reads from it"),
      Planted.in("org.espalier.format.planted", "org.espalier.codec.qtip.QtipCodec codec;")),

  CODECS_KNOW_API_ONLY(
      only("org.espalier.codec..", "jdk.incubator..")
          .because("every backend runs every codec, so neither side may know the other"),
      Planted.in(
          "org.espalier.codec.planted", "org.espalier.backend.cpu.CpuBackendProvider backend;")),

  ARCHITECTURES_KNOW_API_ONLY(
      only("org.espalier.arch..").because("a plan must run on any backend with any codec"),
      Planted.in("org.espalier.arch.planted", "org.espalier.codec.qtip.QtipCodec codec;")),

  BACKENDS_KNOW_NEITHER_CODECS_NOR_FILES(
      noClasses()
          .that()
          .resideInAPackage("org.espalier.backend..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "org.espalier.codec..",
              "org.espalier.format..",
              "org.espalier.arch..",
              "org.espalier.runtime..",
              "org.espalier.server..",
              "org.espalier.launcher..",
              "org.espalier.testkit..")
          .because("every backend runs every codec, so neither side may know the other"),
      Planted.in("org.espalier.backend.planted", "org.espalier.codec.qtip.QtipCodec codec;")),

  BACKENDS_DO_NOT_KNOW_EACH_OTHER(
      slices()
          .matching("org.espalier.backend.(*)..")
          .should()
          .notDependOnEachOther()
          .because("one that composes others receives them through its context, by name"),
      Planted.in(
          "org.espalier.backend.planted",
          "org.espalier.backend.other.Other other;",
          "org/espalier/backend/other/Other.java",
          "package org.espalier.backend.other; public class Other {}")),

  RUNTIME_RECEIVES_ITS_PROVIDERS(
      only("org.espalier.runtime..").because("whoever embeds it decides what plugs in"),
      Planted.in("org.espalier.runtime.planted", "org.espalier.format.gguf.GgufFormat format;")),

  SERVER_SERVES_WHAT_IT_IS_GIVEN(
      only("org.espalier.server..", "org.espalier.runtime..", "io.helidon..", "tools.jackson..")
          .because("which model is served, and what runs it, is decided by whoever starts it"),
      Planted.in("org.espalier.server.planted", "org.espalier.format.gguf.GgufFormat format;")),

  HTTP_IN_ONE_PACKAGE(
      noClasses()
          .that()
          .resideOutsideOfPackage("org.espalier.server.http")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.helidon..")
          .because("the HTTP stack is a choice that may change"),
      Planted.in(
          "org.espalier.server.planted",
          "io.helidon.Planted planted;",
          "io/helidon/Planted.java",
          "package io.helidon; public class Planted {}")),

  LAUNCHER_HAS_NO_FAVOURITES(
      noClasses()
          .that()
          .resideInAPackage("org.espalier.launcher..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "org.espalier.format..",
              "org.espalier.codec..",
              "org.espalier.arch..",
              "org.espalier.backend..",
              "org.espalier.testkit..")
          .because("a provider of our own has no privilege over a plugin"),
      Planted.in("org.espalier.launcher.planted", "org.espalier.format.gguf.GgufFormat format;")),

  TESTKIT_KNOWS_API_ONLY(
      only("org.espalier.testkit..", "org.junit.jupiter..", "org.opentest4j..", "org.apiguardian..")
          .because("authors of plugins use it where none of our providers are"),
      Planted.in("org.espalier.testkit.planted", "org.espalier.codec.qtip.QtipCodec codec;")),

  VECTORS_IN_THE_CPU_BACKEND_AND_TILE_SEARCHES_ONLY(
      noClasses()
          .that()
          .resideOutsideOfPackages("org.espalier.backend.cpu..", "org.espalier.codec.(*).search..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("jdk.incubator..")
          .because("an incubating interface may change with every JDK: one module has to follow"),
      Planted.in("org.espalier.backend.planted", "jdk.incubator.vector.FloatVector vector;")),

  CUDA_IN_ITS_BACKEND_ONLY(
      noClasses()
          .that()
          .resideOutsideOfPackage("org.espalier.backend.cuda..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("jcuda..")
          .because("everything else must run where there is no CUDA"),
      Planted.in(
          "org.espalier.backend.planted",
          "jcuda.Pointer pointer;",
          "jcuda/Pointer.java",
          "package jcuda; public class Pointer {}")),

  TABLES_IN_THE_DATA_SETS_ONLY(
      noClasses()
          .that()
          .resideOutsideOfPackage("org.espalier.datasets..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.hardwood..", "org.xerial..")
          .because("whoever embeds the runtime need not carry a reader of Parquet"),
      Planted.in(
          "org.espalier.runtime.planted",
          "dev.hardwood.InputFile file;",
          "dev/hardwood/InputFile.java",
          "package dev.hardwood; public class InputFile {}")),

  DOWNLOADS_KNOW_API_ONLY(
      only("org.espalier.downloads..", "tools.jackson..")
          .because("where files come from has nothing to do with what runs them"),
      Planted.in("org.espalier.downloads.planted", "org.espalier.runtime.Model model;")),

  NETWORK_CLIENT_IN_THE_DOWNLOADS_ONLY(
      noClasses()
          .that()
          .resideOutsideOfPackages("org.espalier.downloads..", "org.espalier.server.load..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("java.net.http..")
          .because("nothing goes out to the network but what the user asked to be fetched"),
      Planted.in("org.espalier.runtime.planted", "java.net.http.HttpClient client;")),

  CONTAINER_IN_THE_LAUNCHER_ONLY(
      noClasses()
          .that()
          .resideOutsideOfPackage("org.espalier.launcher..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("com.google..", "jakarta.inject..")
          .because("everything else is composed by plain arguments and runs without a container"),
      Planted.in(
          "org.espalier.backend.planted",
          "com.google.inject.Injector injector;",
          "com/google/inject/Injector.java",
          "package com.google.inject; public class Injector {}")),

  SERVICE_LOADER_IN_FEW_PLACES(
      noClasses()
          .that(
              not(resideInAnyPackage("org.espalier.launcher.discovery", "org.espalier.backend.*"))
                  .as("are neither the launcher's discovery nor a backend's registry of kernels"))
          .should()
          .dependOnClassesThat()
          .areAssignableTo(ServiceLoader.class)
          .because("what is found must not depend on who looked for it"),
      Planted.in(
          "org.espalier.runtime.planted",
          "Object found = java.util.ServiceLoader.load(Runnable.class);")),

  STREAMS_IN_THE_CONSOLE_ONLY(
      noClasses()
          .that()
          .resideOutsideOfPackage("org.espalier.launcher.console")
          .should(ACCESS_STANDARD_STREAMS)
          .because("standard output carries what the user asked for, and libraries do not print"),
      Planted.in("org.espalier.runtime.planted", "{ System.out.println(); }")),

  NO_GENERIC_EXCEPTIONS(
      noClasses().should(THROW_GENERIC_EXCEPTIONS).because("a failure says who can mend it"),
      Planted.in(
          "org.espalier.runtime.planted",
          "void fail() { throw new RuntimeException(\"something\"); }")),

  NO_INTERNALS(
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("sun..", "jdk.internal..", "com.sun..")
          .because("they go away"),
      Planted.in("org.espalier.runtime.planted", "sun.misc.Unsafe unsafe;")),

  NO_MUTABLE_STATICS(
      fields()
          .that()
          .areStatic()
          .and()
          .doNotHaveModifier(JavaModifier.SYNTHETIC)
          .should()
          .beFinal()
          .because("several models and generations live in one process"),
      Planted.in("org.espalier.runtime.planted", "static int count;")),

  ENTRY_POINTS_ONLY(
      classes()
          .that()
          .arePublic()
          .and()
          .areTopLevelClasses()
          .and()
          .resideInAnyPackage(
              "org.espalier.format.*",
              "org.espalier.codec.*",
              "org.espalier.arch.*",
              "org.espalier.backend.*")
          .should()
          .beAssignableTo(ModelFormat.class)
          .orShould()
          .beAssignableTo(Codec.class)
          .orShould()
          .beAssignableTo(TileQuantizer.class)
          .orShould()
          .beAssignableTo(Architecture.class)
          .orShould()
          .beAssignableTo(BackendProvider.class)
          .because("a module of providers shows its services and nothing else"),
      Planted.in("org.espalier.codec.planted", "")),

  NO_CYCLES(
      slices()
          .matching("org.espalier.(**)")
          .should()
          .beFreeOfCycles()
          .because("packages that need each other are one package"),
      Planted.in(
          "org.espalier.runtime.planted",
          "org.espalier.runtime.planted.inner.Inner inner;",
          "org/espalier/runtime/planted/inner/Inner.java",
          """
          package org.espalier.runtime.planted.inner;
          public class Inner { org.espalier.runtime.planted.Violation outer; }
          """)),

  NULL_MARKED(
      classes()
          .should(new LieInANullMarkedPackage())
          .because("what may be null says so, and nothing else may be"),
      Planted.in("org.espalier.runtime.planted", ""));

  private final ArchRule rule;
  private final Planted planted;

  Rule(ArchRule rule, Planted planted) {
    this.rule = rule;
    this.planted = planted;
  }

  /** To be checked. */
  ArchRule rule() {
    return rule;
  }

  /** What breaks it. */
  Planted planted() {
    return planted;
  }

  /** Classes of a package may use it, api and the JDK, and what else is listed. */
  private static ClassesShouldConjunction only(String own, String... others) {
    Stream<String> common =
        Stream.of(own, "org.espalier.api..", "java..", "jdk.jfr..", "org.jspecify..");
    return classes()
        .that()
        .resideInAPackage(own)
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage(Stream.concat(common, Stream.of(others)).toArray(String[]::new));
  }
}

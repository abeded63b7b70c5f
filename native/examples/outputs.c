// Prints what every output of a model says, whatever its head.
//
//     outputs MODEL [NUMBER...]
//
// The numbers are the input of a model that takes numbers, such as the features of a table. Without
// them, and for a model that takes bytes, the program predicts zeros. native/c/README.md says how to
// compile this file.

#include "bayes8.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The most classes, labels or targets that are printed.
#define MOST 8

static bool succeeded(bayes8_status status) {
  if (status != BAYES8_STATUS_OK) {
    fprintf(stderr, "bayes8 error %d: %s\n", (int)status, bayes8_last_error_message());
  }
  return status == BAYES8_STATUS_OK;
}

// An output, and what is predicted of it.
typedef struct {
  bayes8_output about;
  bayes8_outputs wanted;
  // `count` numbers each: probabilities or means, their standard deviations, and the epistemic part.
  double *values;
  double *std;
  double *epistemic;
} output;

// Describes output `index` and says where its results go.
static bool prepare(const bayes8_model *model, size_t index, output *output) {
  output->about = (bayes8_output)BAYES8_OUTPUT_INIT;
  if (!succeeded(bayes8_model_get_output(model, index, &output->about))) {
    return false;
  }
  size_t count = output->about.count;
  output->values = calloc(3 * count, sizeof *output->values);
  if (output->values == NULL) {
    fputs("out of memory\n", stderr);
    return false;
  }
  output->std = output->values + count;
  output->epistemic = output->std + count;
  output->wanted = (bayes8_outputs)BAYES8_OUTPUTS_INIT;
  output->wanted.output = index;
  output->wanted.std = (bayes8_double_buffer){output->std, count};
  // Another head has other figures.
  if (strcmp(output->about.head, "gaussian") == 0) {
    output->wanted.mean = (bayes8_double_buffer){output->values, count};
    output->wanted.epistemic_std = (bayes8_double_buffer){output->epistemic, count};
  } else {
    bool one = strcmp(output->about.head, "classes") == 0;
    output->wanted.probabilities = (bayes8_double_buffer){output->values, count};
    output->wanted.mutual_information = (bayes8_double_buffer){output->epistemic, one ? 1 : count};
  }
  return true;
}

static bool print(const bayes8_model *model, size_t index, const output *output) {
  const bayes8_output *about = &output->about;
  printf("%s (%s)\n", about->name, about->head);
  for (size_t item = 0; item < about->count && item < MOST; item++) {
    double value = output->values[item], std = output->std[item];
    const char *name = NULL;
    if (!succeeded(bayes8_model_get_item_name(model, index, item, &name))) {
      return false;
    }
    if (strcmp(about->head, "gaussian") == 0) {
      bayes8_target target = BAYES8_TARGET_INIT;
      if (!succeeded(bayes8_model_get_target(model, index, item, &target))) {
        return false;
      }
      const char *space = target.unit[0] == '\0' ? "" : " ";
      printf("  %-12s %g +- %g%s%s, epistemic %g\n", name, value, std, space, target.unit,
             output->epistemic[item]);
    } else if (strcmp(about->head, "labels") == 0) {
      const char *outcome = about->outcomes[value >= 0.5];
      printf("  %-12s %6.2f %% +- %5.2f: %s, epistemic %.3f nats\n", name, 100 * value,
             100 * std, outcome, output->epistemic[item]);
    } else {
      printf("  %-12s %6.2f %% +- %5.2f\n", name, 100 * value, 100 * std);
    }
  }
  if (strcmp(about->head, "classes") == 0) {
    printf("  epistemic %.3f nats\n", output->epistemic[0]);
  }
  return true;
}

// Predicts the input into all outputs at once.
static bool predict(const bayes8_model *model, const bayes8_model_info *info, char **numbers,
                    size_t given, const bayes8_outputs *outputs) {
  size_t length = info->depth * info->height * info->width * info->channels;
  bool takes_numbers = strcmp(info->values, "numbers") == 0;
  if (given != 0 && (!takes_numbers || given != length)) {
    fprintf(stderr, "%zu numbers: the model takes %zu %s\n", given, length, info->values);
    return false;
  }
  float *input = calloc(length, sizeof *input);
  if (input == NULL) {
    fputs("out of memory\n", stderr);
    return false;
  }
  for (size_t i = 0; i < given; i++) {
    input[i] = strtof(numbers[i], NULL);
  }
  // Zeros are zeros in bytes too.
  const uint8_t *bytes = (const uint8_t *)input;
  bayes8_status status = takes_numbers
                             ? bayes8_predict_numbers(model, input, length, 1, NULL, outputs)
                             : bayes8_predict(model, bytes, length, 1, NULL, outputs);
  bool done = succeeded(status);
  free(input);
  return done;
}

static bool run(const bayes8_model *model, char **numbers, size_t given) {
  bayes8_model_info info = BAYES8_MODEL_INFO_INIT;
  if (!succeeded(bayes8_model_get_info(model, &info))) {
    return false;
  }
  printf("%s, %s, bayes8 %s\n", info.name, info.kernel, bayes8_version());
  output *outputs = calloc(info.outputs, sizeof *outputs);
  bool done = outputs != NULL;
  for (size_t i = 0; done && i < info.outputs; i++) {
    done = prepare(model, i, &outputs[i]);
    if (i > 0) {
      outputs[i - 1].wanted.next = &outputs[i].wanted;
    }
  }
  done = done && predict(model, &info, numbers, given, &outputs[0].wanted);
  for (size_t i = 0; done && i < info.outputs; i++) {
    done = print(model, i, &outputs[i]);
  }
  for (size_t i = 0; outputs != NULL && i < info.outputs; i++) {
    free(outputs[i].values);
  }
  free(outputs);
  return done;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s MODEL [NUMBER...]\n", argv[0]);
    return EXIT_FAILURE;
  }
  bayes8_model *model = NULL;
  if (!succeeded(bayes8_model_load(argv[1], NULL, &model))) {
    return EXIT_FAILURE;
  }
  bool done = run(model, argv + 2, (size_t)argc - 2);
  bayes8_model_free(model);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
